"""Records as rows, each counted once."""

import json
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import reading, transaction
from app.usage import storing
from app.usage.journal import Entry
from app.usage.models import Request, Rollup
from app.usage.spans import DAY_MS
from app.usage.storing import close_lost, request_row, store
from tests.databases import ENGINES, waiting_for_a_lock
from tests.integration.server import eventually
from tests.unit.usage.records import NOW, check_sums, end, put, start


def counted() -> int:
    with reading() as session:
        return session.execute(select(func.sum(Rollup.requests)).where(Rollup.span_ms == DAY_MS)).scalar() or 0


def test_record_that_comes_twice_counts_once(app: Flask) -> None:
    head = end(NOW)
    for entries in ([Entry(dict(head), b"", 1), Entry(dict(head), b"", 2)], [Entry(dict(head), b"", 3)]):
        with transaction() as session:
            store(session, entries)
        assert counted() == 1


def test_end_that_comes_after_all_replaces_the_one_that_was_made_up(app: Flask) -> None:
    head = end(NOW)
    with transaction() as session:
        session.add(Request(id=head["id"], started_at=NOW, method="POST", path="/v1/messages"))
    with transaction() as session:
        assert close_lost(session, NOW, 10) == 0
        assert close_lost(session, NOW + 1, 10) == 1
    with reading() as session:
        assert session.execute(select(Request.ended_at)).scalar_one() is None, "nobody knows"
    with transaction() as session:
        store(session, [Entry(dict(head), b"", 1)])
    with reading() as session:
        row = session.execute(select(Request)).scalar_one()
        cut = session.execute(select(func.sum(Rollup.cut_by_shutdown)).where(Rollup.span_ms == DAY_MS)).scalar()
    assert (row.outcome, row.error, counted(), cut) == ("complete", None, 1, 0)


def test_end_that_comes_before_it_is_made_up_is_kept(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    head, other = end(NOW), end(NOW)
    put(start(head), start(other))
    cut = storing._cut

    def late(session: Session, ids: list[int], *more: Any) -> None:
        store(session, [Entry(dict(head), b"", 1)])
        cut(session, ids, *more)

    monkeypatch.setattr(storing, "_cut", late)
    with transaction() as session:
        close_lost(session, NOW + 1, 10)
    with reading() as session:
        outcomes = {row.id: row.outcome for row in session.execute(select(Request)).scalars()}
    assert outcomes == {head["id"]: "complete", other["id"]: "cut_by_shutdown"}
    assert counted() == 2
    check_sums()


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_end_that_comes_while_another_one_is_made_up_counts_once(app: Flask) -> None:
    head = end(NOW)
    with transaction() as session:
        session.add(Request(id=head["id"], started_at=NOW, method="POST", path="/v1/messages"))

    def store_end() -> None:
        with app.app_context():
            put(head)

    coming = Thread(target=store_end)
    with transaction() as session:
        close_lost(session, NOW + 1, 10)
        coming.start()
        eventually(lambda: waiting_for_a_lock() == 1)
    coming.join()
    assert counted() == 1
    check_sums()


def test_texts_from_outside_fit_their_columns() -> None:
    row = request_row(end(NOW, model="m" * 300, method="M" * 99, session_id="s\0\0", error="e" * 50_000), 0)
    assert (len(row["model"]), len(row["method"]), row["session_id"]) == (200, 16, "s\ufffd\ufffd")
    assert len(row["error"]) == 10_000


@pytest.mark.parametrize(
    ("column", "parts"),
    [
        ("refused", [[f"account-{at:03}", "cooling down (quota)", NOW] for at in range(200)]),
        ("refused", [[f"a{at}", f"paused ({'r' * 500})", None] for at in range(25)]),
        ("refused", [["\0" * 100, "r" * 5000, None]]),
        ("losses", ["x" * 11_000, "top_k"]),
    ],
    ids=["many accounts", "long reasons", "odd characters", "long name of a field"],
)
def test_list_that_is_too_long_is_shortened_and_stays_a_list(column: str, parts: list[Any]) -> None:
    written = request_row(end(NOW, **{column: parts}), 0)[column]
    kept = json.loads(written)
    assert len(written) <= 10_000
    assert len(kept) >= min(len(parts), 15)
    assert all(one[0] == two[0][:500] for one, two in zip(kept, parts, strict=False))


def test_unknown_is_null_and_zero_is_zero() -> None:
    row = request_row(end(NOW, tokens=[None, 0, None, None, None, None], model_served=None, model=None), 0)
    assert (row["input_tokens"], row["output_tokens"], row["cost"]) == (None, 0, None)
    row = request_row(end(NOW, tokens=[], refused=[["a", "paused", None]], last_token_at=None), 0)
    assert (row["tokens_per_s"], json.loads(row["refused"])) == (None, [["a", "paused", None]])
