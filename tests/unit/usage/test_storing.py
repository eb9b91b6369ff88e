"""Records as rows, each counted once."""

import json
from threading import Thread

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.db import reading, transaction
from app.usage.journal import Entry
from app.usage.models import Request, Rollup
from app.usage.spans import DAY_MS
from app.usage.storing import close_lost, request_row, store
from tests.databases import ENGINES, waiting_for_a_lock
from tests.integration.server import eventually
from tests.unit.usage.records import NOW, check_sums, end, put


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


def test_unknown_is_null_and_zero_is_zero() -> None:
    row = request_row(end(NOW, tokens=[None, 0, None, None, None, None], model_served=None, model=None), 0)
    assert (row["input_tokens"], row["output_tokens"], row["cost"]) == (None, 0, None)
    row = request_row(end(NOW, tokens=[], refused=[["a", "paused", None]], last_token_at=None), 0)
    assert (row["tokens_per_s"], json.loads(row["refused"])) == (None, [["a", "paused", None]])
