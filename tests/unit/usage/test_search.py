import random
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from app.db import reading
from app.usage import search
from app.usage.models import Request
from app.usage.queries import list_requests
from app.usage.search import Filter, find
from app.values import id_text
from tests.unit.usage.records import NOW, anything, end, put, start

Matches = Callable[[Any], bool]


def failed(row: Any) -> bool:
    return row.outcome is not None and (row.outcome != "complete" or (row.status or 0) >= 400)


CASES: dict[str, tuple[Filter, Matches]] = {
    "everything": (Filter(), lambda row: True),
    "time": (
        Filter(start=NOW - 500_000, end=NOW - 100_000),
        lambda row: NOW - 500_000 <= row.started_at < NOW - 100_000,
    ),
    "far future": (Filter(end=253_402_300_799_000), lambda row: True),
    "account": (Filter(accounts=(1,)), lambda row: row.account_id == 1),
    "accounts": (Filter(accounts=(1, 3)), lambda row: row.account_id in (1, 3)),
    "no account": (Filter(accounts=(0,)), lambda row: row.account_id is None),
    "an account or none": (Filter(accounts=(0, 2)), lambda row: row.account_id in (None, 2)),
    "no account, and failed": (Filter(accounts=(0,), failed=True), lambda row: row.account_id is None and failed(row)),
    "no account, and a rare key": (
        Filter(accounts=(0, 1), keys=("aaaaaaaa",)),
        lambda row: row.account_id in (None, 1) and row.key_id == "aaaaaaaa",
    ),
    "model": (Filter(models=("nobody-knows-1",)), lambda row: row.model_used == "nobody-knows-1"),
    "key": (Filter(keys=("aaaaaaaa",)), lambda row: row.key_id == "aaaaaaaa"),
    "status": (Filter(statuses=(429, 529)), lambda row: row.status in (429, 529)),
    "good status": (Filter(statuses=(200,)), lambda row: row.status == 200),
    "outcome": (Filter(outcomes=("refused", "client_gone")), lambda row: row.outcome in ("refused", "client_gone")),
    "running": (Filter(outcomes=("running",)), lambda row: row.outcome is None),
    "running or refused": (Filter(outcomes=("running", "refused")), lambda row: row.outcome in (None, "refused")),
    "failed": (Filter(failed=True), failed),
    "not failed": (
        Filter(failed=False),
        lambda row: row.outcome == "complete" and row.status is not None and row.status < 400,
    ),
    "session": (Filter(session_id="s-1"), lambda row: row.session_id == "s-1"),
    "agent": (Filter(agent_id="agent-2"), lambda row: row.agent_id == "agent-2"),
    "synthetic": (Filter(synthetic=True), lambda row: row.is_synthetic),
    "not synthetic": (Filter(synthetic=False), lambda row: not row.is_synthetic),
    "text of an error": (Filter(text="Überlastet"), lambda row: row.error is not None),
    "part of an error": (Filter(text="LOADED_err"), lambda row: row.error is not None),
    "text of a session": (Filter(text="s-2"), lambda row: row.session_id == "s-2"),
    "text of an agent": (Filter(text="agent-1"), lambda row: row.agent_id == "agent-1"),
    "wildcards are no wildcards": (Filter(text="over%error"), lambda row: False),
    "all at once": (
        Filter(
            start=NOW - 900_000, accounts=(1, 2), models=("claude-opus-4-5", "nobody-knows-1"),
            keys=("aaaaaaaa", "bbbbbbbb"), statuses=(200, 429), failed=True, synthetic=False,
        ),
        lambda row: row.account_id in (1, 2) and row.model_used in ("claude-opus-4-5", "nobody-knows-1")
        and row.key_id in ("aaaaaaaa", "bbbbbbbb") and row.status in (200, 429) and failed(row)
        and not row.is_synthetic and row.started_at >= NOW - 900_000,
    ),
}  # fmt: skip


@pytest.fixture
def history(app: Flask) -> None:
    rng = random.Random(3)
    heads = [anything(rng, NOW - rng.randint(0, 1_000_000)) for _ in range(300)]
    put(*(start(head) if at % 29 == 0 else head for at, head in enumerate(heads)))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("limit", [7, 1000])
def test_pages_hold_exactly_what_the_filter_means_newest_first(
    history: None, monkeypatch: pytest.MonkeyPatch, name: str, limit: int
) -> None:
    monkeypatch.setattr(search, "_STEPS", (3, 11))
    wanted, matches = CASES[name]
    with reading() as session:
        rows = session.execute(select(Request).order_by(Request.id.desc())).scalars().all()
    expected = [row.id for row in rows if matches(row)]
    found: list[int] = []
    cursor = None
    for _ in range(400):
        page = list_requests(wanted, cursor, limit)
        found += [row.id for row in page.requests]
        cursor = page.next
        if cursor is None:
            break
    assert found == expected
    assert expected or name == "wildcards are no wildcards"


def test_search_that_takes_too_long_says_where_to_go_on(history: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_STEPS", (10,))
    with reading() as session:
        found = find(session, [Request.id], Filter(text="no such error"), None, 5, within_s=0)
        assert found.rows == []
        assert found.more_below is not None
        steps = 1
        while found.more_below is not None:
            found = find(session, [Request.id], Filter(text="no such error"), found.more_below, 5, within_s=0)
            steps += 1
    assert steps == 31, "300 requests in steps of 10, and one that finds the end"


@pytest.mark.parametrize("spelled", [str, lambda text: f"  {text} ", str.upper], ids=["as it is", "blanks", "capitals"])
def test_own_id_finds_the_request(app: Flask, spelled: Callable[[str], str]) -> None:
    head = end(NOW)
    put(head, end(NOW + 1))
    public = id_text(head["id"]).removeprefix("req_")
    assert [row.id for row in list_requests(Filter(text=spelled(public))).requests] == [head["id"]]


def test_upstream_id_finds_the_request(app: Flask) -> None:
    head = end(NOW, upstream_request_id="req_011CabcXYZ")
    put(head, end(NOW + 1))
    assert [row.id for row in list_requests(Filter(text="req_011CabcXYZ")).requests] == [head["id"]]
    assert list_requests(Filter(text="req_011CabcXYZ", accounts=(7,))).requests == ()


def test_text_that_contradicts_the_session_finds_nothing(history: None) -> None:
    assert list_requests(Filter(text="s-1", session_id="s-2")).requests == ()


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Filter(session_id="s-1"), "requests_by_session"),
        (Filter(agent_id="agent-1", accounts=(1,)), "requests_by_agent"),
        (Filter(keys=("aaaaaaaa",)), "requests_by_key"),
        (Filter(statuses=(429,), accounts=(1,)), "requests_by_status"),
        (Filter(failed=True), "requests_failed"),
        (Filter(outcomes=("refused",)), "requests_failed"),
        (Filter(outcomes=("running",)), "requests_running"),
        (Filter(models=("claude-opus-4-5",)), "requests_by_model"),
        (Filter(accounts=(0,)), "requests_by_account"),
        (Filter(accounts=(1, 3)), "requests_by_account"),
        (Filter(accounts=(0, 1)), "requests_by_account"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_leading_condition_is_served_by_its_index(history: None, wanted: Filter, index: str) -> None:
    with reading() as session:
        if session.get_bind().dialect.name != "sqlite":
            pytest.skip("PostgreSQL plans by the size of the table")
        lead = search._lead(session, wanted)
        assert lead is not None
        conditions = search._conditions(wanted, lead)
        for statement in (
            select(Request.id).where(*lead.conditions[:1], Request.id < 1 << 62).order_by(Request.id.desc()).limit(5),
            search._page([Request.id, Request.error], conditions, 0, 1 << 62, 50),
        ):
            compiled = statement.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
            plan = session.execute(text(f"EXPLAIN QUERY PLAN {compiled}")).all()
            assert any(index in str(step) for step in plan), plan
