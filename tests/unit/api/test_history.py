"""Recorded requests over the API: pages, filters, one request."""

import csv
import io
import json
from typing import Any

import pytest

from app.clock import now_ms
from app.values import id_text
from tests.unit.api.conftest import Call
from tests.unit.usage.records import attempt, end, put, start


def store(count: int = 5, **changes: Any) -> list[str]:
    """Store requests, a second apart, and return their ids, newest first."""
    at = now_ms() - 60_000
    heads = [end(at + position * 1000, **changes) for position in range(count)]
    put(*heads)
    return [id_text(head["id"]) for head in reversed(heads)]


def ids(page: Any) -> list[str]:
    return [one["id"] for one in page.get_json()["requests"]]


def test_pages_go_on_where_the_last_one_ended(call: Call) -> None:
    stored = store()
    first = call("GET", "/api/requests?limit=2")
    second = call("GET", f"/api/requests?limit=2&cursor={first.get_json()['next']}")
    last = call("GET", f"/api/requests?limit=2&cursor={second.get_json()['next']}")
    assert ids(first) + ids(second) + ids(last) == stored
    assert last.get_json()["next"] is None


def test_request_is_told_in_the_words_of_the_api(call: Call) -> None:
    store(1)
    (one,) = call("GET", "/api/requests").get_json()["requests"]
    assert one["statusCode"] == 200
    assert one["success"] is True
    assert one["responseTimeMs"] == 2400
    assert one["failoverAttempts"] == 0
    assert one["timestamp"].endswith("Z")
    assert one["tokens"] == {
        "input": 100,
        "output": 50,
        "cacheRead": 1000,
        "cacheWrite5m": 200,
        "cacheWrite1h": 0,
        "webSearches": 0,
    }
    assert float(one["costUsd"]) == one["costMicroUsd"] / 1_000_000


def test_running_request_is_neither_success_nor_failure(call: Call) -> None:
    head = end(now_ms())
    put(start(head))
    (one,) = call("GET", "/api/requests?outcome=running").get_json()["requests"]
    assert (one["outcome"], one["success"], one["statusCode"]) == ("running", None, None)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("accounts=work", 2),
        ("accounts=1", 2),
        ("accounts=work,other", 3),
        ("models=claude-sonnet-4-5", 3),
        ("models=nothing", 0),
        ("keys=aaaaaaaa", 1),
        ("keys=nobody", 0),
        ("status=429", 1),
        ("status=500", 0),
        ("outcome=complete", 3),
        ("success=false", 1),
        ("success=true", 2),
        ("session=s-1", 1),
        ("agent=agent-1", 1),
        ("synthetic=true", 0),
        ("q=s-1", 1),
        ("q=no%20such", 0),
        ("from=0&to=1000", 0),
        ("to=9999-12-31T23:59:59Z", 3),
        ("from=1970-01-01T00:00:00Z", 3),
    ],
)
def test_filter_narrows(call: Call, query: str, count: int) -> None:
    at = now_ms() - 5000
    put(
        end(at, session_id="s-1", agent_id="agent-1"),
        end(at + 1, key_id="aaaaaaaa"),
        end(at + 2, status=429, account_id=2, account_name="other", attempts=[attempt(2, "quota", 429)]),
    )
    assert len(ids(call("GET", f"/api/requests?{query}"))) == count


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("cursor=xyz", "cursor"),
        ("status=9", "status"),
        ("outcome=fine", "outcome"),
        ("accounts=nobody", "accounts"),
        ("from=now", "from"),
        ("from=2000&to=1000", "from"),
        ("from=2000&to=2000", "from"),
        ("offset=3", "offset"),
    ],
)
def test_wrong_parameter_is_named(call: Call, query: str, field: str) -> None:
    refused = call("GET", f"/api/requests?{query}")
    assert (refused.status_code, list(refused.get_json()["details"])) == (400, [field])


def test_export_is_noted(call: Call) -> None:
    store(1)
    assert call("GET", "/api/requests/export?format=jsonl&accounts=work&q=x").status_code == 200
    (entry,) = call("GET", "/api/audit?action=history").get_json()["entries"]
    assert (entry["actor"], entry["action"]) == ("key:ci", "history.export")
    assert entry["detail"] == "jsonl, accounts (1,), text x"


def test_detail_tells_the_attempts(call: Call) -> None:
    (request_id,) = store(1, attempts=[attempt(2, "overloaded", 529), attempt()])
    detail = call("GET", f"/api/requests/{request_id}").get_json()
    assert [one["reason"] for one in detail["attempts"]] == ["overloaded", "served"]
    assert detail["request"]["id"] == request_id


def test_detail_names_its_neighbours_and_what_its_cache_lost(call: Call) -> None:
    at = now_ms() - 5000
    put(
        end(at, session_id="s", tokens=[10, 5, 0, 50_000, 0, 0]),
        end(at + 1000, session_id="s", account_id=2, account_name="other", tokens=[10, 5, 0, 50_000, 0, 0]),
    )
    newer, older = ids(call("GET", "/api/requests"))
    detail = call("GET", f"/api/requests/{newer}").get_json()
    assert (detail["previous"], detail["following"]) == (older, None)
    assert detail["cacheLoss"]["cause"] == "account_switched"
    assert (detail["cacheLoss"]["requestId"], detail["cacheLoss"]["previousId"]) == (newer, older)


def test_unknown_request_is_not_found(call: Call) -> None:
    assert call("GET", "/api/requests/req_0000000000000").status_code == 404


def test_all_of_a_filter_is_exported(call: Call) -> None:
    stored = store(3)
    store(2, account_id=2, account_name="other")
    table = call("GET", "/api/requests/export?accounts=work")
    names, *rows = csv.reader(io.StringIO(table.get_data(as_text=True)))
    assert [row[names.index("id")] for row in rows] == stored
    lines = call("GET", "/api/requests/export?format=jsonl&accounts=work")
    assert [json.loads(line)["id"] for line in lines.get_data(as_text=True).splitlines()] == stored
    assert call("GET", "/api/requests/export?accounts=nobody").status_code == 400


def test_values_of_filters_are_listed(call: Call) -> None:
    store(2)
    (one,) = call("GET", "/api/requests/filters?kind=account").get_json()
    assert (one["value"], one["name"], one["requests"]) == ("1", "work", 2)
    assert call("GET", "/api/requests/filters").status_code == 400
