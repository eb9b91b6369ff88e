from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from app.background import retention
from app.background.leader import Leader, NotLeading
from app.background.models import Lease
from app.background.work import Done, Work
from app.clock import now_ms
from app.db import reading, transaction
from app.runtime import runtime
from app.usage.models import Payload, Request, Rollup
from app.values import new_request_id

DAY_MS = 86_400_000


@pytest.fixture
def work(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Work:
    monkeypatch.setattr(retention, "_PAUSE_S", 0)
    monkeypatch.setattr(retention, "_PAYLOADS", 3)
    leader = Leader("this")
    leader.keep()
    return Work(runtime(), leader)


def store(count: int, age_ms: int, size: int = 100) -> None:
    at = now_ms() - age_ms
    with transaction() as session:
        for _ in range(count):
            request_id = new_request_id(at)
            session.add(Request(id=request_id, started_at=at, method="POST", path="/v1/messages"))
            session.flush()
            session.add(Payload(request_id=request_id, at=at, size=size, content=b"x" * size))


def left(model: type[Request | Payload]) -> int:
    with reading() as session:
        return session.execute(select(func.count()).select_from(model)).scalar_one()


def test_bodies_and_records_are_kept_as_long_as_the_settings_say(work: Work) -> None:
    work.runtime.settings = replace(work.runtime.settings, data_retention_days=7, request_retention_days=30)
    store(4, 31 * DAY_MS)
    store(5, 8 * DAY_MS)
    store(2, 6 * DAY_MS)
    done = retention.retain(work)
    assert (left(Payload), left(Request)) == (2, 7)
    assert done.result.startswith("9 bodies, 4 requests, ")
    assert retention.retain(work) == Done("0 bodies, 0 requests, 0 sums, 0 samples, 0 expired entries removed")


def test_requests_that_lost_their_end_are_closed_after_a_day(work: Work) -> None:
    store(2, 2 * DAY_MS)
    store(3, DAY_MS // 2)
    assert retention.retain(work).result.endswith("; 2 requests without an end closed")
    with reading() as session:
        found = session.execute(select(Request.outcome, Request.error, Request.ended_at).order_by(Request.id)).all()
        counted = session.execute(select(func.sum(Rollup.cut_by_shutdown)).where(Rollup.span_ms == DAY_MS)).scalar()
    assert [(row[0], row[1]) for row in found[:2]] == [("cut_by_shutdown", "its end was never recorded")] * 2
    assert [row[0] for row in found[2:]] == [None] * 3
    assert counted == 2


@pytest.mark.parametrize("job", [retention.retain, retention.fit_payloads])
def test_bodies_are_kept_below_the_size_limit(work: Work, job: Callable[[Work], Done]) -> None:
    work.runtime.settings = replace(work.runtime.settings, payload_store_max_bytes=450)
    store(10, 0)
    job(work)
    assert (left(Payload), left(Request)) == (4, 10)


def test_it_stops_between_two_batches_when_another_process_leads(work: Work) -> None:
    store(9, 400 * DAY_MS)
    real = retention._once
    calls = []

    def once(leader: Leader, batch: retention.Batch) -> int:
        calls.append(1)
        if len(calls) == 2:
            with transaction() as session:
                session.execute(update(Lease).values(until=1))
            Leader("another").keep()
        return real(leader, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retention, "_once", once)
        with pytest.raises(NotLeading):
            retention.retain(work)
    assert left(Payload) == 6
