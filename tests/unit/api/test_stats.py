"""What all requests add up to, over the API."""

from app.clock import now_ms
from tests.unit.api.conftest import Call
from tests.unit.usage.records import end, put


def test_everything_is_added_up(call: Call) -> None:
    put(end(now_ms()), end(now_ms(), status=529, outcome="complete", tokens=[]))
    found = call("GET", "/api/stats").get_json()
    assert found["total"]["requests"] == 2
    assert found["total"]["successRate"] == 0.5
    assert found["accounts"][0]["name"] == "work"


def test_costs_are_told_by_period(call: Call) -> None:
    put(end(now_ms()))
    periods = call("GET", "/api/stats/costs?offsetMinutes=120").get_json()
    assert [one["name"] for one in periods] == ["today", "7d", "30d"]
    assert periods[2]["total"]["billedMicroUsd"] > 0


def test_failures_come_with_advice(call: Call) -> None:
    put(end(now_ms(), outcome="upstream_broke"))
    (one,) = call("GET", "/api/stats/errors?limit=5&days=2").get_json()
    assert one["request"]["success"] is False
    assert one["advice"]


def test_models_without_a_price_are_named(call: Call) -> None:
    put(end(now_ms(), model="nobody-knows", model_served="nobody-knows"))
    (one,) = call("GET", "/api/stats/unpriced").get_json()
    assert one["model"] == "nobody-knows"


def test_keys_are_told_with_what_they_spent(call: Call) -> None:
    put(end(now_ms(), key_id="aaaaaaaa"))
    (one,) = call("GET", "/api/stats/keys").get_json()
    assert one["keyId"] == "aaaaaaaa"


def test_counters_are_reset(call: Call) -> None:
    assert call("POST", "/api/stats/reset").get_json() == {"success": True, "accounts": 0}
