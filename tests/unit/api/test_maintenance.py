"""Upkeep over the API."""

import pytest

from app.clock import now_ms
from tests.unit.api.conftest import Call
from tests.unit.usage.records import NOW, end, put


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


def test_doctor_is_asked(call: Call) -> None:
    found = call("GET", "/api/maintenance/doctor").get_json()
    assert found["ok"] is True
    checks = {check["subject"]: check["result"] for check in found["checks"]}
    assert (checks["database"], checks["accounts"]) == ("ok", "warn")


def test_doctor_tells_a_failure(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.checkup.is_writable", lambda: False)
    assert call("GET", "/api/maintenance/doctor").get_json()["ok"] is False


def test_pricing_anew_is_asked_for_and_shown_until_a_job_has_done_it(call: Call) -> None:
    put(end(NOW))
    done = call("POST", "/api/maintenance/reprice", {"from": NOW - 5, "to": NOW + 5})
    assert (done.status_code, done.get_json()) == (202, {"success": True, "job": "reprice"})
    assert call("GET", "/api/maintenance/reprice").get_json() == [{"start": NOW - 5, "end": NOW + 5, "share": 0}]
    (job,) = (job for job in call("GET", "/api/jobs").get_json()["jobs"] if job["name"] == "reprice")
    assert job["isWaiting"] is True
    assert call("POST", "/api/maintenance/reprice", {}).status_code == 202
    assert len(call("GET", "/api/maintenance/reprice").get_json()) == 1


def test_pricing_anew_needs_a_time_that_is_one(call: Call) -> None:
    for body in ({"from": 5, "to": 5}, {"from": (1 << 53) - 1}, {"from": "yesterday"}, {"since": 5}):
        refused = call("POST", "/api/maintenance/reprice", body)
        assert refused.status_code == 400
        assert list(refused.get_json()["details"]) == [*body][:1]
