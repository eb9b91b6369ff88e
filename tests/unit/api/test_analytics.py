"""Figures over a range of time, over the API."""

import pytest

from app.clock import now_ms
from tests.unit.api.conftest import Call
from tests.unit.usage.records import end, put

HOUR = 3_600_000


def store() -> None:
    at = now_ms() - 2 * HOUR
    put(
        end(at),
        end(at + 1, model="other", model_served="other"),
        end(at + 2, status=500, account_id=2, account_name="b"),
    )


def test_range_is_added_up(call: Call) -> None:
    store()
    found = call("GET", "/api/analytics").get_json()
    assert found["meta"]["range"] == "24h"
    assert found["summary"]["totals"]["requests"] == 3
    assert found["summary"]["before"]["requests"] == 0
    (line,) = found["series"]
    assert sum(point["totals"]["requests"] for point in line["points"]) == 3
    assert {one["name"] for one in found["accounts"]} == {"work", "b"}
    assert found["percentiles"]["duration"]["count"] == 3


@pytest.mark.parametrize(
    ("query", "count"),
    [("range=1h", 0), ("range=6h", 3), ("models=other", 1), ("accounts=b", 1), ("keys=nobody", 0), ("bucket=60000", 3)],
)
def test_figures_are_narrowed(call: Call, query: str, count: int) -> None:
    store()
    assert call("GET", f"/api/analytics?{query}").get_json()["summary"]["totals"]["requests"] == count


def test_range_may_be_free(call: Call) -> None:
    store()
    found = call("GET", f"/api/analytics?from={now_ms() - 3 * HOUR}&to={now_ms() - HOUR}").get_json()
    assert (found["meta"]["range"], found["summary"]["totals"]["requests"]) == (None, 3)
    assert call("GET", f"/api/analytics?from={now_ms() - HOUR}").get_json()["summary"]["totals"]["requests"] == 0


def test_groups_have_lines_and_may_add_up(call: Call) -> None:
    store()
    found = call("GET", "/api/analytics?group=model&mode=cumulative&metrics=duration,speed").get_json()
    assert {line["value"] for line in found["series"]} == {"other", "claude-sonnet-4-5"}
    assert [line["points"][-1]["totals"]["requests"] for line in found["series"]] in ([2, 1], [1, 2])
    assert found["meta"]["cumulative"] is True


def test_change_is_told_under_the_names_of_the_figures(call: Call) -> None:
    put(end(now_ms() - 30 * HOUR), end(now_ms() - HOUR), end(now_ms() - HOUR + 1))
    change = call("GET", "/api/analytics").get_json()["summary"]["change"]
    assert change["requests"] == 1.0
    assert "successRate" in change


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("range=2h", "range"),
        ("range=1h&from=0", "range"),
        ("to=5", "from"),
        ("from=9000000000000&to=5", "from"),
        ("bucket=61000", "bucket"),
        ("range=30d&bucket=60000", "bucket"),
        ("group=colour", "group"),
        ("metrics=weight", "metrics"),
        ("offsetMinutes=900", "offsetMinutes"),
        ("mode=odd", "mode"),
    ],
)
def test_wrong_parameter_is_named(call: Call, query: str, field: str) -> None:
    refused = call("GET", f"/api/analytics?{query}")
    assert (refused.status_code, list(refused.get_json()["details"])) == (400, [field])
