from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.db import reading, transaction
from app.usage.models import Attempt, Payload, Request
from app.usage.retention import (
    forget_payloads_before,
    forget_payloads_beyond,
    forget_requests_before,
    payload_bytes,
)
from app.values import new_request_id
from tests.databases import ENGINES, application

NOW = 1_790_000_000_000


@pytest.fixture(params=ENGINES, autouse=True)
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    with application(request.param, tmp_path) as made:
        yield made


def store(at: int, size: int = 100) -> int:
    """Store a request with an attempt and a body; return its id."""
    request_id = new_request_id(at)
    with transaction() as session:
        session.add(Request(id=request_id, started_at=at, method="POST", path="/v1/messages"))
        session.flush()
        attempt = {"account_name": "a", "reason": "served", "started_at": at, "ended_at": at}
        session.add(Attempt(request_id=request_id, position=0, account_id=1, **attempt))
        session.add(Payload(request_id=request_id, at=at, size=size, content=b"x" * size))
    return request_id


def left(model: type[Request | Payload | Attempt] = Payload) -> int:
    with reading() as session:
        return session.execute(select(func.count()).select_from(model)).scalar_one()


def test_bodies_go_by_age_and_their_records_stay() -> None:
    for minute in range(10):
        store(NOW + minute * 60_000)
    with transaction() as session:
        assert forget_payloads_before(session, NOW + 6 * 60_000, 4) == 4
        assert forget_payloads_before(session, NOW + 6 * 60_000, 4) == 2
        assert forget_payloads_before(session, NOW + 6 * 60_000, 4) == 0
    assert (left(), left(Request)) == (4, 10)


def test_bodies_go_oldest_first_until_the_rest_fits() -> None:
    ids = [store(NOW + minute, size=100) for minute in range(10)]
    with transaction() as session:
        assert payload_bytes(session) == 1000
        assert forget_payloads_beyond(session, 450, 4) == 4
        assert forget_payloads_beyond(session, 450, 4) == 2
        assert forget_payloads_beyond(session, 450, 4) == 0
        assert payload_bytes(session) == 400
        assert set(session.execute(select(Payload.request_id)).scalars()) == set(ids[6:])


@pytest.mark.parametrize(("limit", "kept"), [(1000, 10), (999, 9), (0, 0)])
def test_size_limit_is_kept_exactly(limit: int, kept: int) -> None:
    for minute in range(10):
        store(NOW + minute)
    with transaction() as session:
        forget_payloads_beyond(session, limit, 100)
    assert left() == kept


def test_nothing_stored_is_no_bytes() -> None:
    with reading() as session:
        assert payload_bytes(session) == 0


def test_records_go_by_age_with_attempts_and_bodies() -> None:
    for day in range(6):
        store(NOW + day * 86_400_000)
    with transaction() as session:
        assert forget_requests_before(session, NOW + 4 * 86_400_000, 3) == 3
        assert forget_requests_before(session, NOW + 4 * 86_400_000, 3) == 1
        assert forget_requests_before(session, NOW + 4 * 86_400_000, 3) == 0
    assert (left(Request), left(Attempt), left(Payload)) == (2, 2, 2)


def test_record_of_the_very_millisecond_is_kept() -> None:
    store(NOW - 1)
    kept = store(NOW)
    with transaction() as session:
        assert forget_requests_before(session, NOW, 10) == 1
        assert list(session.execute(select(Request.id)).scalars()) == [kept]
