"""What the log says of accounts that stop serving, and that serve again."""

import logging

import pytest
from flask import Flask
from sqlalchemy import update

from app.accounts.models import Account
from app.accounts.pool import Pool
from app.accounts.secrets import seal_into
from app.db import transaction
from app.runtime import runtime
from app.values import Verdict
from app.vault import keyring, new_key

NOW = 1_790_000_000_000
UNTIL = "2026-09-21 14:13:30 UTC"
OVERLOADED = Verdict("overloaded", "retry", until=NOW + 10_000)
MODEL = Verdict("model_quota", "next", until=NOW + 10_000, scope="model")
SERVED = Verdict("served", "serve")


@pytest.fixture
def pool(app: Flask, caplog: pytest.LogCaptureFixture) -> Pool:
    with transaction() as session:
        for number, name in ((1, "work"), (2, "spare")):
            row = Account(id=number, name=name, provider="console", created_at=1, priority=number)
            session.add(row)
            session.flush()
            seal_into(row, runtime().vault, "api_key", f"key-of-{name}")
    made = Pool(runtime().vault, runtime().commits.commit, {"console": "https://base"})
    made.load()
    caplog.set_level(logging.INFO, "app.accounts")
    return made


def test_account_that_cools_down_is_told_once_until_it_serves_again(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        pool.cool_down(1, OVERLOADED, None, NOW - 5, NOW)
    pool.served(1, SERVED, NOW + 20_000, NOW + 20_005)
    pool.served(1, SERVED, NOW + 30_000, NOW + 30_005)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", f"account work does not serve: cooling (overloaded), until {UNTIL}"),
        ("INFO", "account work serves again"),
    ]


def test_last_account_that_goes_is_told_as_the_end_of_all(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    for account_id in (1, 2, 1, 2):
        pool.cool_down(account_id, OVERLOADED, None, NOW - 5, NOW)
    assert len(caplog.messages) == 3
    assert caplog.messages[-1] == (
        f"no account can serve: spare: cooling (overloaded), until {UNTIL}; work: cooling (overloaded), until {UNTIL}"
    )


def test_family_of_models_that_cools_down_is_told_once(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        pool.cool_down(1, MODEL, "opus", NOW - 5, NOW)
    assert caplog.messages == [f"account work does not serve opus models: model_quota, until {UNTIL}"]


def test_log_in_that_ended_is_told_and_so_is_the_next_one(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    with transaction() as session:
        session.execute(update(Account).where(Account.id == 1).values(needs_reauth_at=1))
    pool.put(1, {"needs_reauth": True})
    pool.load()
    with transaction() as session:
        session.execute(update(Account).where(Account.id == 1).values(needs_reauth_at=None))
    pool.load()
    pool.load()
    assert caplog.messages == [
        "account work does not serve: needs reauth (the log-in has ended)",
        "account work is logged in again",
    ]


def test_credential_that_no_key_opens_any_more_is_told_once(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    sealed = keyring(new_key()).seal(b"x", "accounts:api_key:1")
    with transaction() as session:
        session.execute(update(Account).where(Account.id == 1).values(api_key=sealed))
    pool.load()
    pool.load()
    (told,) = caplog.messages
    assert told.startswith("account work does not serve: its credential cannot be used: ")
