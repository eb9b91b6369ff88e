"""Settings over the API."""

from typing import Any

import pytest

from app.audit import EntryFilter, entries
from app.preferences import stored
from tests.unit.api.conftest import Call


def test_every_setting_is_told_with_its_origin(call: Call) -> None:
    rows = {row["name"]: row for row in call("GET", "/api/config").get_json()["settings"]}
    assert (rows["lb_strategy"]["value"], rows["lb_strategy"]["origin"]) == ("session", "default")


def test_strategy_is_changed(call: Call) -> None:
    assert "least-used" in call("GET", "/api/strategies").get_json()
    assert call("POST", "/api/config/strategy", {"strategy": "least-used"}).status_code == 200
    assert call("GET", "/api/config/strategy").get_json() == {"strategy": "least-used"}
    assert entries(EntryFilter(action="setting"), 1)[0].detail == "default -> least-used"


def test_retention_is_changed_as_a_whole_or_not_at_all(call: Call) -> None:
    done = call("POST", "/api/config/retention", {"payloadDays": 3, "storePayloads": "errors"})
    assert done.get_json() == {"payloadDays": 3, "requestDays": 365, "storePayloads": "errors"}
    refused = call("POST", "/api/config/retention", {"payloadDays": 5, "requestDays": 0})
    assert list(refused.get_json()["details"]) == ["requestDays"]
    assert call("GET", "/api/config/retention").get_json() == done.get_json()
    assert call("POST", "/api/config/retention", {}).status_code == 400


def test_one_setting_is_changed_and_reset(call: Call) -> None:
    changed = call("PUT", "/api/config/settings/retry_attempts", {"value": "5"}).get_json()
    assert (changed["value"], changed["origin"]) == ("5", "stored")
    assert call("GET", "/api/config/settings/RETRY_ATTEMPTS").get_json()["value"] == "5"
    assert call("DELETE", "/api/config/settings/retry_attempts").get_json()["origin"] == "default"
    assert stored() == {}


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("retry_attempts", {"value": "many"}, 400),
        ("retry_attempts", {"value": 5}, 400),
        ("port", {"value": "1"}, 400),
        ("nothing", {"value": "1"}, 404),
    ],
)
def test_wrong_change_is_refused(call: Call, name: str, body: Any, status: int) -> None:
    refused = call("PUT", f"/api/config/settings/{name}", body)
    assert refused.status_code == status
    assert "value" in refused.get_json()["details"] or status == 404
    assert stored() == {}


def test_unknown_strategy_is_refused(call: Call) -> None:
    refused = call("POST", "/api/config/strategy", {"strategy": "random"})
    assert (refused.status_code, list(refused.get_json()["details"])) == (400, ["strategy"])
