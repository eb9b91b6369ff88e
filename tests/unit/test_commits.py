"""Writes that nobody may lose: tried at once, kept when the database is away, repeated in order."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from app import commits as module
from app.accounts.models import Account, SessionPin
from app.commits import Commits, Write
from app.db import db, reading, transaction
from config import Settings


@pytest.fixture
def commits(app: Flask) -> Commits:
    with transaction() as session:
        session.add(Account(id=1, name="a", provider="console", created_at=1))
    return Commits(app)


@pytest.fixture
def lock(app: Flask, settings: Settings) -> Iterator[sqlite3.Connection]:
    """Another connection, which may hold the lock; nobody waits for it long."""
    with db.engine.connect() as connection:
        connection.execute(text("PRAGMA busy_timeout=10"))
    with closing(sqlite3.connect(settings.data_dir / "ccflare.db", isolation_level=None)) as other:
        yield other


def priority(value: int) -> Write:
    """Return a write of the account's priority."""

    def write(session: Session) -> None:
        session.execute(text("PRAGMA busy_timeout=10"))
        session.execute(update(Account).values(priority=value))

    return write


def stored() -> int:
    """Return the account's priority."""
    with reading() as session:
        return session.execute(select(Account.priority)).scalar_one()


def test_write_is_in_when_the_call_returns(commits: Commits) -> None:
    commits.commit(priority(5))
    assert (stored(), commits.waiting) == (5, 0)


def test_write_that_met_a_lock_is_repeated(commits: Commits, lock: sqlite3.Connection) -> None:
    lock.execute("BEGIN IMMEDIATE")
    commits.commit(priority(5))
    commits.commit(priority(6))
    assert commits.waiting == 2
    commits.retry()
    assert (stored(), commits.waiting) == (0, 2)
    lock.execute("ROLLBACK")
    commits.retry()
    assert (stored(), commits.waiting) == (6, 0), "in the order of the calls"


def test_lock_is_told_when_it_begins_and_when_it_is_over(
    commits: Commits, lock: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    lock.execute("BEGIN IMMEDIATE")
    for value in (5, 6):
        commits.commit(priority(value))
    commits.retry()
    assert len(caplog.records) == 1
    lock.execute("ROLLBACK")
    commits.retry()
    commits.retry()
    assert len(caplog.records) == 2
    assert "again" in caplog.records[1].message


def test_write_about_what_is_gone_holds_up_no_other(commits: Commits, lock: sqlite3.Connection) -> None:
    def pin(session: Session) -> None:
        session.execute(insert(SessionPin).values(session_id="s", account_id=404, used_at=1))

    commits.commit(pin)
    assert commits.waiting == 0
    lock.execute("BEGIN IMMEDIATE")
    commits.commit(pin)
    commits.commit(priority(7))
    lock.execute("ROLLBACK")
    commits.retry()
    assert (stored(), commits.waiting) == (7, 0)


def test_write_that_the_database_refuses_is_dropped_and_holds_up_no_other(
    commits: Commits, lock: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    refused: list[str] = []

    def poison(session: Session) -> None:
        priority(1)(session)
        raise DataError("UPDATE", {}, Exception("too long"))

    lock.execute("BEGIN IMMEDIATE")
    commits.commit(poison, lambda: refused.append("poison"))
    commits.commit(priority(7))
    lock.execute("ROLLBACK")
    assert (refused, commits.waiting) == ([], 2)
    commits.retry()
    assert (stored(), refused, commits.waiting) == (7, ["poison"], 0)
    assert "a change is dropped: too long" in caplog.messages


def test_backlog_is_bounded_and_the_oldest_goes_first(
    commits: Commits, lock: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_BACKLOG", 2)
    dropped: list[int] = []
    lock.execute("BEGIN IMMEDIATE")
    for number in range(1, 5):
        commits.commit(priority(number), partial(dropped.append, number))
    assert (dropped, commits.waiting) == ([1, 2], 2)
    lock.execute("ROLLBACK")
    commits.retry()
    assert (stored(), commits.waiting) == (4, 0)
    assert "more than 2 changes wait for the database; the oldest ones are dropped" in caplog.messages
    assert "2 changes were dropped in all while the database was away" in caplog.messages


def test_what_waits_is_tried_a_last_time_at_the_end(commits: Commits, lock: sqlite3.Connection) -> None:
    lock.execute("BEGIN IMMEDIATE")
    commits.commit(priority(5))
    lock.execute("ROLLBACK")
    commits.finish()
    assert (stored(), commits.waiting) == (5, 0)


def test_fault_in_a_write_is_not_hidden(commits: Commits) -> None:
    def fault(session: Session) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        commits.commit(fault)
    assert commits.waiting == 0


def test_write_that_the_database_refuses_for_now_waits_and_holds_up_no_other(
    commits: Commits, lock: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock.execute("CREATE TRIGGER stop BEFORE UPDATE OF priority ON accounts WHEN new.priority = 3 "
                 "BEGIN SELECT RAISE(FAIL, 'no room'); END")  # fmt: skip
    commits.commit(priority(3))
    commits.commit(priority(7))
    commits.retry()
    assert (stored(), commits.waiting) == (7, 1)
    lock.execute("DROP TRIGGER stop")
    commits.retry()
    assert (stored(), commits.waiting) == (3, 0)
    lock.execute("CREATE TRIGGER stop BEFORE UPDATE ON accounts BEGIN SELECT RAISE(FAIL, 'no room'); END")
    monkeypatch.setattr(module, "_REFUSED_FOR_S", 0.0)
    dropped: list[str] = []
    commits.commit(priority(1), lambda: dropped.append("refused for long"))
    assert (dropped, commits.waiting) == (["refused for long"], 0)
