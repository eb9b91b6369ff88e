import pytest
from flask import Flask

from app.errors import InvalidInput, NotFound
from app.usage.sessions import SessionFilter, dearest_sessions, list_sessions, session_detail
from tests.unit.usage.records import NOW, end, put, start


@pytest.fixture
def history(app: Flask) -> None:
    for at in range(25):
        put(end(NOW + at * 1000, session_id=f"s-{at:02}", account_id=1 + at % 2, account_name=f"a{1 + at % 2}",
                tokens=[at * 10, 10, 90, 0, 0, 0]))  # fmt: skip
    put(end(NOW + 60_000, session_id="s-03", agent_id="sub", parent_agent_id="main", status=500))


def ids(wanted: SessionFilter, limit: int = 7) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = list_sessions(wanted, cursor, limit)
        found += [one.id for one in page.sessions]
        cursor = page.next
        if cursor is None:
            return found


def test_pages_go_through_all_sessions_last_used_first(history: None) -> None:
    assert ids(SessionFilter()) == ["s-03", *(f"s-{at:02}" for at in range(24, -1, -1) if at != 3)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (SessionFilter(agent="sub"), ["s-03"]),
        (SessionFilter(text="s-0"), ["s-03", *(f"s-0{at}" for at in range(9, -1, -1) if at != 3)]),
        (SessionFilter(account=1, text="s-0"), ["s-03", "s-08", "s-06", "s-04", "s-02", "s-00"]),
        (SessionFilter(start=NOW + 23_000), ["s-03", "s-24", "s-23"]),
        (SessionFilter(end=NOW + 2000), ["s-01", "s-00"]),
        (SessionFilter(model="none"), []),
        (SessionFilter(key="aaaaaaaa"), []),
    ],
    ids=["agent", "text", "account", "from", "to", "model", "key"],
)
def test_filters_choose_sessions(history: None, wanted: SessionFilter, expected: list[str]) -> None:
    assert ids(wanted, limit=3) == expected


def test_sessions_with_a_request_that_no_account_served_are_found(history: None) -> None:
    for session_id in ("s-04", "s-11", "s-99"):
        put(end(NOW + 70_000, session_id=session_id, account_id=None, account_name=None, outcome="refused"))
    assert ids(SessionFilter(account=0), limit=2) == ["s-99", "s-11", "s-04"]
    assert ids(SessionFilter(account=0, text="s-1")) == ["s-11"]
    assert ids(SessionFilter(account=0, model="claude-sonnet-4-5", end=NOW + 5000)) == ["s-04"]


def test_session_shows_who_took_part(history: None) -> None:
    found = session_detail("s-03")
    assert (found.session.requests, found.session.failed, found.session.agents) == (2, 1, 1)
    assert {part.name for part in found.accounts} == {"a2", "work"}
    assert [(part.value, part.parent, part.requests) for part in found.agents] == [("sub", "main", 1)]
    assert [row.agent_id for row in found.requests] == ["sub", None]
    assert found.session.duration_ms == 57_000
    with pytest.raises(NotFound):
        session_detail("nobody")


def test_part_of_a_session_without_a_price_costs_nobody_knows_what(app: Flask) -> None:
    unknown = {"model": "nobody-knows-1", "model_served": "nobody-knows-1"}
    put(end(NOW, session_id="s"), end(NOW + 1, session_id="s", agent_id="sub", **unknown))
    found = session_detail("s")
    assert [part.cost_micro_usd for part in found.agents] == [None]
    costs = {part.value: part.cost_micro_usd for part in found.models}
    assert costs == {"claude-sonnet-4-5": found.session.cost_micro_usd, "nobody-knows-1": None}


def test_session_of_running_requests_alone_is_shown(app: Flask) -> None:
    put(start(end(NOW, session_id="s")))
    found = session_detail("s")
    assert (found.session.requests, found.session.cost_micro_usd, len(found.requests)) == (0, None, 1)


def test_what_the_cache_lost_is_named_per_agent(app: Flask) -> None:
    def turn(at: int, read: int, written: int, **changes: object) -> dict[str, object]:
        return end(NOW + at, session_id="s", tokens=[10, 10, read, written, 0, 0], **changes)

    put(
        turn(0, 0, 50_000),
        turn(1000, 50_000, 2000),
        turn(1500, 0, 30_000, agent_id="sub"),
        turn(2000, 0, 54_000, account_id=2, account_name="home"),
        turn(3000, 54_000, 100, account_id=2, account_name="home"),
        turn(400_000, 0, 55_000, account_id=2, account_name="home"),
    )
    found = session_detail("s")
    assert [one.cause for one in found.losses] == ["account_switched", "idle"]
    assert [one.lost_tokens for one in found.losses] == [52_000, 54_100]
    assert found.lost_micro_usd == sum(one.rewrite_micro_usd or 0 for one in found.losses)
    assert found.losses[0].rewrite_micro_usd == 52_000 * (3_750_000 - 300_000) // 1_000_000


def test_dearest_session_comes_first(history: None) -> None:
    found = dearest_sessions(NOW, limit=3)
    costs = [one.cost_micro_usd or 0 for one in found]
    assert len(found) == 3
    assert costs == sorted(costs, reverse=True)
    assert costs[0] == max(one.cost_micro_usd or 0 for one in list_sessions(SessionFilter(), limit=50).sessions)


def test_limit_is_bounded(app: Flask) -> None:
    with pytest.raises(InvalidInput):
        list_sessions(SessionFilter(), limit=0)
