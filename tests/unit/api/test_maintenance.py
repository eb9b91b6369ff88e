"""Upkeep over the API."""

from app.clock import now_ms
from tests.unit.api.conftest import Call
from tests.unit.usage.records import end, put


def test_clean_up_is_asked_for(call: Call) -> None:
    assert call("POST", "/api/maintenance/cleanup").get_json() == {"success": True, "job": "retention"}


def test_history_is_cleared_with_consent_alone(call: Call) -> None:
    put(end(now_ms()))
    assert call("POST", "/api/maintenance/clear-history", {"confirm": "yes"}).status_code == 400
    assert call("POST", "/api/maintenance/clear-history").status_code == 400
    done = call("POST", "/api/maintenance/clear-history", {"confirm": "clear history"})
    assert done.get_json() == {"success": True, "requests": 1}


def test_database_is_measured(call: Call) -> None:
    found = call("POST", "/api/maintenance/analyze").get_json()
    assert "requests" in {table["name"] for table in found["tables"]}


def test_system_is_told(call: Call) -> None:
    assert call("GET", "/api/system/info").get_json()["database"] == "sqlite"
