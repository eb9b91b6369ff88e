"""Sessions of clients over the API."""

import pytest

from app.clock import now_ms
from tests.unit.api.conftest import Call
from tests.unit.usage.records import end, put


def store() -> None:
    at = now_ms() - 60_000
    put(
        end(at, session_id="s-1", agent_id="agent-1"),
        end(at + 1000, session_id="s-2", account_id=2, account_name="other"),
        end(at + 2000, session_id="team/3", key_id="aaaaaaaa"),
    )


def names(call: Call, query: str) -> list[str]:
    return [one["id"] for one in call("GET", f"/api/sessions?{query}").get_json()["sessions"]]


def test_pages_go_on_where_the_last_one_ended(call: Call) -> None:
    store()
    first = call("GET", "/api/sessions?limit=2").get_json()
    assert [one["id"] for one in first["sessions"]] == ["team/3", "s-2"]
    assert names(call, f"limit=2&cursor={first['next']}") == ["s-1"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("account=other", ["s-2"]),
        ("key=aaaaaaaa", ["team/3"]),
        ("agent=agent-1", ["s-1"]),
        ("model=nothing", []),
        ("q=s-", ["s-2", "s-1"]),
        ("to=1000", []),
    ],
)
def test_filter_narrows(call: Call, query: str, found: list[str]) -> None:
    store()
    assert names(call, query) == found


@pytest.mark.parametrize("name", ["s-1", "team/3"])
def test_one_session_is_told_with_its_requests(call: Call, name: str) -> None:
    store()
    detail = call("GET", f"/api/sessions/{name}").get_json()
    assert detail["session"]["id"] == name
    assert [one["sessionId"] for one in detail["requests"]] == [name]


def test_unknown_session_is_not_found(call: Call) -> None:
    assert call("GET", "/api/sessions/nobody").status_code == 404


def test_cursor_of_another_list_is_refused(call: Call) -> None:
    assert call("GET", "/api/sessions?cursor=WzFd").status_code == 400
    assert call("GET", "/api/sessions?from=2&to=1").get_json()["error"] == "from: lies not before to"
