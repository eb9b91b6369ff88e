import random
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.db import reading
from app.usage.models import ClientSession, Facet, Request, SessionPart
from tests.unit.usage.records import NOW, anything, attempt, check_sums, end, put, start


@pytest.mark.parametrize("seed", range(12))
def test_sums_are_those_of_the_rows_whatever_comes_late_twice_or_changed(app: Flask, seed: int) -> None:
    rng = random.Random(seed)
    known: list[dict[str, Any]] = []
    for _ in range(8):
        batch: list[dict[str, Any]] = []
        for _ in range(rng.randint(1, 25)):
            at = NOW - rng.choice((0, 59_999, 3_600_000, 86_400_000, 30 * 86_400_000)) - rng.randint(0, 120_000)
            head = anything(rng, at)
            if rng.random() < 0.3:
                batch.append(start(head))
            if rng.random() < 0.9:
                batch.append(head)
            known.append(head)
        for old in rng.sample(known, min(len(known), 4)):
            changed = anything(rng, old["started_at"]) | {"id": old["id"]}
            batch.append(rng.choice((old, changed)))
        put(*batch)
        check_sums()


def test_record_that_is_read_twice_counts_once(app: Flask) -> None:
    head = end(NOW, session_id="s", attempts=[attempt()])
    put(head)
    put(head)
    put(head, head)
    check_sums()
    with reading() as session:
        assert session.execute(select(ClientSession.requests)).scalar_one() == 1


def test_request_that_still_runs_is_in_no_sum(app: Flask) -> None:
    put(start(end(NOW, session_id="s")))
    with reading() as session:
        assert session.execute(select(ClientSession)).first() is None
        assert session.execute(select(Request.model_used)).scalar_one() == "claude-sonnet-4-5"
    check_sums()


def test_session_spans_its_requests_and_knows_who_took_part(app: Flask) -> None:
    put(end(NOW, session_id="s", agent_id="a", parent_agent_id="root"))
    put(end(NOW - 5000, session_id="s", account_id=2, account_name="home"), end(NOW + 9000, session_id="s"))
    with reading() as session:
        one = session.execute(select(ClientSession)).scalar_one()
        assert (one.first_at, one.last_at, one.requests) == (NOW - 5000, NOW + 9000, 3)
        parts = session.execute(select(SessionPart.kind, SessionPart.value, SessionPart.parent)).all()
    assert {tuple(part) for part in parts} == {
        ("account", "1", None),
        ("account", "2", None),
        ("model", "claude-sonnet-4-5", None),
        ("agent", "a", "root"),
    }


def test_account_is_offered_under_its_newest_name(app: Flask) -> None:
    put(end(NOW))
    put(end(NOW + 1, account_name="renamed"))
    with reading() as session:
        facet = session.execute(select(Facet).where(Facet.kind == "account")).scalar_one()
    assert (facet.value, facet.label, facet.requests, facet.last_at) == ("1", "renamed", 2, NOW + 1)
