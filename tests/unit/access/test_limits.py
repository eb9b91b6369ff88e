"""Limits of client keys: what is admitted here, and what the other workers admitted."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.access.keys import Principal
from app.access.limits import KeyLimits, Write
from app.db import transaction
from app.errors import TooMany

MINUTE = 60_000
NOW = 30_000_000 * MINUTE + 12_000


def commit(write: Write) -> None:
    with transaction() as session:
        write(session)


def limits(spent: dict[str, int] | None = None) -> KeyLimits:
    def read(_session: Session, _at: int) -> dict[str, int]:
        return spent or {}

    return KeyLimits(commit, read)


def principal(key_id: str = "aaaaaaaa", *, rate: int | None = None, budget: int | None = None) -> Principal:
    return Principal("client", "laptop", key_id, budget_micro_usd=budget, requests_per_minute=rate)


def test_rate_is_held_within_a_minute_and_free_in_the_next() -> None:
    here, key = limits(), principal(rate=2)
    here.admit(key, NOW)
    here.admit(key, NOW + 1)
    with pytest.raises(TooMany) as refused:
        here.admit(key, NOW + 2)
    assert refused.value.retry_after_s == 48
    here.admit(key, NOW + MINUTE)


def test_key_without_limits_is_never_counted() -> None:
    here, unlimited = limits({"aaaaaaaa": 10**9}), principal()
    for _ in range(1000):
        here.admit(unlimited, NOW)


def test_two_workers_share_one_rate(app: Flask) -> None:
    one, other, key = limits(), limits(), principal(rate=3)
    with app.app_context():
        one.admit(key, NOW)
        one.admit(key, NOW)
        one.share()
        other.admit(key, NOW)
        other.share()
        one.load(NOW)
        other.load(NOW)
    for worker in (one, other):
        with pytest.raises(TooMany):
            worker.admit(key, NOW + 5)


def test_what_was_shared_counts_once(app: Flask) -> None:
    here, key = limits(), principal(rate=3)
    with app.app_context():
        here.admit(key, NOW)
        here.share()
        here.load(NOW)
        here.load(NOW)
    here.admit(key, NOW)
    here.admit(key, NOW)
    with pytest.raises(TooMany):
        here.admit(key, NOW)


def test_budget_closes_once_it_is_spent(app: Flask) -> None:
    spent = {"aaaaaaaa": 999_999}
    here, key = limits(spent), principal(budget=1_000_000)
    with app.app_context():
        here.admit(key, NOW)
        here.load(NOW)
        here.admit(key, NOW)
        spent["aaaaaaaa"] = 1_000_000
        here.load(NOW)
    with pytest.raises(TooMany, match=r"\$1\.00") as refused:
        here.admit(key, NOW)
    assert refused.value.details == {"should_retry": False}


def test_one_key_does_not_use_up_another() -> None:
    here = limits()
    here.admit(principal("aaaaaaaa", rate=1), NOW)
    here.admit(principal("bbbbbbbb", rate=1), NOW)
