"""Commands on settings."""

from pathlib import Path

import pytest

from app import preferences
from app.runtime import runtime
from config import SETTINGS, Settings
from tests.unit.canaries import CANARY
from tests.unit.cli.conftest import Run


def test_every_setting_is_listed_with_its_origin(run: Run) -> None:
    rows = run("config", "--json").json
    assert [row["name"] for row in rows] == [line.name for line in SETTINGS]
    origins = {row["name"]: row["origin"] for row in rows}
    assert (origins["data_dir"], origins["port"]) == ("environment", "default")
    assert len(run("config").out.splitlines()) == len(SETTINGS) + 1


def test_setting_is_shown_by_name_and_by_variable(run: Run) -> None:
    assert run("config", "get", "lb_strategy", "--json").json == run("config", "get", "LB_STRATEGY", "--json").json
    assert "one of session," in run("config", "get", "lb_strategy").out
    assert (
        run("config", "get", "lb_strateg").err
        == "Error: There is no setting named lb_strateg. Did you mean lb_strategy?\n"
    )


def test_setting_is_changed_and_given_back(run: Run) -> None:
    row = run("config", "set", "LB_STRATEGY", "least-used", "--json").json
    assert (row["name"], row["value"], row["origin"]) == ("lb_strategy", "least-used", "stored")
    assert preferences.stored() == {"lb_strategy": "least-used"}
    row = run("config", "unset", "lb_strategy", "--json").json
    assert (row["value"], row["origin"]) == ("session", "default")
    assert preferences.stored() == {}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("lb_strategy", "x", "one of session"),
        ("port", "9000", "cannot change while the server runs"),
        ("nothing", "1", "no setting"),
    ],
)
def test_wrong_change_ends_with_1(run: Run, name: str, value: str, message: str) -> None:
    ran = run("config", "set", name, value)
    assert ran.status == 1
    assert message in ran.err
    assert preferences.stored() == {}


def test_secret_setting_is_masked(run: Run, tmp_path: Path) -> None:
    runtime().settings = Settings.load({"CCFLARE_OUTBOUND_PROXY": f"http://me:{CANARY}@proxy:3128"})
    for arguments in (("config",), ("config", "--json"), ("config", "get", "outbound_proxy")):
        ran = run(*arguments)
        assert ran.status == 0
        assert CANARY not in ran.out


def test_default_model_is_kept(run: Run) -> None:
    assert run("get-model").out == "No default model is set.\n"
    assert run("set-model", "claude-opus-4-6").out == "The default model is claude-opus-4-6.\n"
    runtime().settings = runtime().settings.with_stored(preferences.stored())
    assert run("get-model", "--json").json == {"model": "claude-opus-4-6", "origin": "stored"}
    assert run("set-model", "two words").status == 1


def test_default_model_is_not_set_to_nothing(run: Run) -> None:
    ran = run("set-model", "")
    assert (ran.status, "config unset default_model" in ran.err) == (1, True)
