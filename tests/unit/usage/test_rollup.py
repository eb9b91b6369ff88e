"""Sums by minute, hour and day: one row for each span, and a record that comes again counts once."""

from flask import Flask
from sqlalchemy import func, select

from app.db import reading, transaction
from app.usage.journal import Entry
from app.usage.models import Rollup
from app.usage.rollup import Sums
from app.usage.spans import SPANS
from app.usage.storing import store
from tests.unit.usage.records import NOW, end


def test_record_counts_once_however_often_it_comes(app: Flask) -> None:
    head = end(NOW)
    with app.app_context():
        for _ in range(3):
            with transaction() as session:
                store(session, [Entry(dict(head, attempts=list(head["attempts"])), b"", 1)])
        with reading() as session:
            found = session.execute(select(Rollup.span_ms, func.sum(Rollup.requests)).group_by(Rollup.span_ms)).all()
    assert {span: int(count) for span, count in found} == dict.fromkeys(SPANS, 1)


def test_what_is_added_and_taken_away_is_nothing() -> None:
    sums = Sums()
    values = list(range(len(sums.values)))
    sums.add(values, (5, None, 70, 900), 1)
    sums.add(values, (5, None, 70, 900), -1)
    assert not any(sums.values)
    assert not any(count for counts in sums.timed for count in counts.values())
