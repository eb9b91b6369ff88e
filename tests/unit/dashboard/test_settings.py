import pytest
from flask.testing import FlaskClient

from app import preferences
from app.dashboard.settings import in_words, options
from config import SettingRow, Settings


def row(name: str) -> SettingRow:
    return next(row for row in Settings.load({}).rows() if row.name == name)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("session_duration_ms", "18000000", "5 h"),
        ("retry_delay_ms", "20", "20 ms"),
        ("usage_poll_s", "90", "1 min 30 s"),
        ("hold_max_s", "0", "0 s"),
        ("hold_max_s", "0.5", "0.5"),
        ("payload_max_bytes", "1048576", "1.0 MB"),
        ("data_retention_days", "7", "7 days"),
        ("retry_attempts", "3", "3"),
        ("lb_strategy", "session", "session"),
    ],
)
def test_numbers_are_told_with_their_unit(name: str, value: str, words: str) -> None:
    assert in_words(row(name).name, value) == words


def test_options_are_those_that_the_setting_accepts() -> None:
    assert options(row("store_payloads")) == (("off", ""), ("errors", ""), ("all", ""))
    assert options(row("allow_private_endpoints")) == (("true", "on"), ("false", "off"))
    assert options(row("retry_attempts")) == ()
    assert dict(options(row("lb_strategy")))["session"] == "One account for all, until its session ends"


def test_setting_is_changed_and_given_back(admin: FlaskClient) -> None:
    assert '<option value="session" selected>' in admin.get("/dashboard/settings/lb_strategy").text
    assert admin.post("/dashboard/settings/lb_strategy", data={"value": "random"}).status_code == 400
    assert admin.post("/dashboard/settings/lb_strategy", data={"value": "least-used"}).status_code == 303
    assert preferences.stored() == {"lb_strategy": "least-used"}
    assert "changed here" in admin.get("/dashboard/settings").text
    admin.post("/dashboard/settings/lb_strategy/reset")
    assert preferences.stored() == {}


def test_setting_that_needs_a_restart_is_not_changed(admin: FlaskClient) -> None:
    assert admin.post("/dashboard/settings/port", data={"value": "1"}).status_code == 400
    assert admin.get("/dashboard/settings/none").status_code == 404


def test_viewer_sees_and_changes_nothing(viewer: FlaskClient) -> None:
    assert "/dashboard/settings/lb_strategy" not in viewer.get("/dashboard/settings").text
    assert viewer.get("/dashboard/settings/lb_strategy").status_code == 403
