"""The database layer on SQLite: transactions, rows that meet rows, pulses, the way off the event loop."""

import sqlite3
import subprocess
import sys
import threading
from typing import Any

import pytest
from flask import Flask, current_app, request
from sqlalchemy import text
from sqlalchemy.exc import InternalError, OperationalError

from app.access.models import KeyMinute
from app.db import beat, beats, db, is_away, is_cooperative, offload, offload_in_context, reading, transaction
from app.upserts import upsert
from tests.unit.key_minutes import KEY, minute, minutes


@pytest.fixture
def stored(app: Flask) -> None:
    """One row that others meet."""
    with transaction() as session:
        session.add(KeyMinute(**minute("a", 1, 5)))


@pytest.mark.usefixtures("stored")
def test_transaction_commits_at_its_end() -> None:
    assert minutes() == {("a", 1): 5}


@pytest.mark.usefixtures("stored")
def test_transaction_takes_everything_back_on_an_error() -> None:
    def change() -> None:
        with transaction() as session:
            upsert(session, KeyMinute, [minute("a", 1, 9), minute("b", 1, 1)], KEY)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()
    assert minutes() == {("a", 1): 5}


@pytest.mark.usefixtures("stored")
def test_reading_keeps_nothing() -> None:
    with reading() as session:
        session.add(KeyMinute(**minute("b", 1, 1)))
        session.flush()
    assert minutes() == {("a", 1): 5}


def test_writer_holds_the_lock_from_its_beginning_and_readers_go_on(app: Flask) -> None:
    other = sqlite3.connect(str(db.engine.url.database), timeout=0, isolation_level=None)
    with transaction():
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT count(*) FROM pulse").fetchone() is not None
    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_reader_takes_no_lock(app: Flask) -> None:
    other = sqlite3.connect(str(db.engine.url.database), timeout=0, isolation_level=None)
    with reading() as session:
        beats(session)
        other.execute("BEGIN IMMEDIATE")
    other.close()


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 1), ("busy_timeout", 5000)]
)
def test_connections_are_set_up(app: Flask, pragma: str, value: object) -> None:
    with reading() as session:
        assert session.execute(text(f"PRAGMA {pragma}")).scalar() == value


def test_beat_advances_its_topic_alone(app: Flask) -> None:
    with reading() as session:
        before = beats(session)
    with transaction() as session:
        beat(session, "keys")
    with reading() as session:
        after = beats(session)
    assert after == before | {"keys": before["keys"] + 1}


def test_beat_goes_with_the_change_that_it_tells_of(app: Flask) -> None:
    def change() -> None:
        with transaction() as session:
            beat(session, "keys")
            raise ZeroDivisionError

    with reading() as session:
        before = beats(session)
    with pytest.raises(ZeroDivisionError):
        change()
    with reading() as session:
        assert beats(session) == before


@pytest.mark.parametrize("engine", [pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_connection_that_only_reads_is_given_up(app: Flask) -> None:
    """As after a fail-over: the connection still leads to the old server, the address to the new one."""
    with transaction() as session:
        session.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
    with pytest.raises(InternalError) as caught, transaction() as session:
        beat(session, "keys")
    assert is_away(caught.value)
    with transaction() as session:
        beat(session, "keys")


def test_offload_without_an_event_loop_calls_in_place_inside_an_app_context(app: Flask) -> None:
    def work(*args: int, **kwargs: int) -> tuple[Any, ...]:
        return args, kwargs, threading.get_ident(), current_app._get_current_object()  # type: ignore[attr-defined]

    assert not is_cooperative()
    assert offload(work, 1, two=2) == ((1,), {"two": 2}, threading.get_ident(), app)


def test_offload_hands_errors_back(app: Flask) -> None:
    def work() -> None:
        with transaction() as session:
            session.execute(text("SELECT * FROM no_such_table"))

    with pytest.raises(OperationalError, match="no_such_table"):
        offload(work)


def test_offload_in_context_sees_the_request(app: Flask) -> None:
    with app.test_request_context("/here"):
        assert offload_in_context(lambda: request.path) == "/here"


def test_fault_on_a_native_thread_is_for_its_caller_alone() -> None:
    """In a process of its own, which has an event loop: that would print every fault of a thread."""
    program = """
from gevent import monkey
monkey.patch_all()
from flask import Flask
from app.db import _Offload

def fail():
    raise ZeroDivisionError

offloader = _Offload(1)
for _ in range(2):
    try:
        offloader.run(Flask("app"), fail, (), {})
    except ZeroDivisionError:
        print("caught")
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("caught\ncaught\n", "")
