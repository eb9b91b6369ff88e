import random

from flask import Flask
from sqlalchemy import func, select

from app.db import reading, transaction
from app.usage.models import ClientSession, Facet, Payload, Request, Rollup, SessionPart
from app.usage.retention import (
    DAYS_KEPT_MS,
    forget_payloads_before,
    forget_payloads_beyond,
    forget_requests_before,
    forget_sessions_before,
    forget_sums,
    payload_bytes,
)
from app.usage.spans import DAY_MS, HOUR_MS, MINUTE_MS, MINUTES_KEPT_MS
from tests.unit.usage.records import NOW, anything, end, put, recount, rollups


def drain_sums(now: int, kept_from: int) -> None:
    while True:
        with transaction() as session:
            if not forget_sums(session, now, kept_from, 5):
                return


def test_sums_left_after_retention_are_those_of_the_rows_left(app: Flask) -> None:
    rng = random.Random(2)
    put(*(anything(rng, NOW - rng.randint(0, 20 * DAY_MS)) for _ in range(150)))
    kept_from = NOW - 10 * DAY_MS
    while True:
        with transaction() as session:
            if not forget_requests_before(session, kept_from, 7):
                break
    drain_sums(NOW, kept_from)
    with reading() as session:
        held, counted = rollups(session), recount(session)
    first = {
        MINUTE_MS: NOW - MINUTES_KEPT_MS,
        HOUR_MS: kept_from - kept_from % HOUR_MS + HOUR_MS,
        DAY_MS: kept_from - kept_from % DAY_MS + DAY_MS,
    }
    for span, at in first.items():
        assert {k: v for k, v in held.items() if k[0] == span and k[1] >= at} == {
            k: v for k, v in counted.items() if k[0] == span and k[1] >= at
        }
    assert not [k for k in held if k[0] == MINUTE_MS and k[1] < NOW - MINUTES_KEPT_MS]
    assert not [k for k in held if k[0] == HOUR_MS and k[1] < kept_from - HOUR_MS]
    assert [k for k in held if k[0] == DAY_MS and k[1] < kept_from - DAY_MS], "sums of days stay"


def test_sums_of_days_go_after_years(app: Flask) -> None:
    put(end(NOW))
    drain_sums(NOW + DAYS_KEPT_MS - DAY_MS, NOW + DAYS_KEPT_MS - DAY_MS)
    with reading() as session:
        assert session.execute(select(func.count()).select_from(Rollup)).scalar_one() == 2, "its day and week"
    drain_sums(NOW + DAYS_KEPT_MS + 8 * DAY_MS, NOW + DAYS_KEPT_MS + 8 * DAY_MS)
    with reading() as session:
        assert session.execute(select(Rollup)).first() is None


def test_sessions_and_facets_go_when_they_were_not_seen(app: Flask) -> None:
    put(end(NOW - DAY_MS, session_id="old", model_served="m-old"), end(NOW, session_id="new", model_served="m-new"))
    with transaction() as session:
        assert forget_sessions_before(session, NOW - 1000, 50) == 2
    with reading() as session:
        assert session.execute(select(ClientSession.id)).scalars().all() == ["new"]
        assert set(session.execute(select(SessionPart.session_id)).scalars()) == {"new"}
        assert session.execute(select(Facet.value).where(Facet.kind == "model")).scalars().all() == ["m-new"]


def test_bodies_go_by_age_and_beyond_a_size_the_oldest_first(app: Flask) -> None:
    for age in range(6):
        put(end(NOW - age * DAY_MS), blob=b"x" * 100)
    with transaction() as session:
        assert forget_payloads_before(session, NOW - 4 * DAY_MS, 10) == 1
        assert payload_bytes(session) == 500
        assert forget_payloads_beyond(session, 250, 10) == 3
        assert forget_payloads_beyond(session, 250, 10) == 0
    with reading() as session:
        assert session.execute(select(func.min(Payload.at))).scalar_one() == NOW - DAY_MS
        assert session.execute(select(func.count()).select_from(Request)).scalar_one() == 6
