"""The database layer on SQLite: transactions, rows that meet rows, pulses, the way off the event loop."""

import sqlite3
import threading
from typing import Any

import pytest
from flask import Flask, current_app, request
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from app.access.models import KeyMinute
from app.db import (
    Merge,
    add_up,
    beat,
    beats,
    db,
    insert_new,
    is_cooperative,
    offload,
    offload_in_context,
    reading,
    transaction,
    upsert,
)
from app.preferences import Preference

KEY = ["key_id", "minute"]


def minute(key_id: str, number: int, requests: int) -> dict[str, Any]:
    return {"key_id": key_id, "minute": number, "requests": requests}


def minutes() -> dict[tuple[str, int], int]:
    with reading() as session:
        return {(row.key_id, row.minute): row.requests for row in session.execute(select(KeyMinute)).scalars()}


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


@pytest.mark.usefixtures("stored")
def test_upsert_replaces_and_inserts() -> None:
    with transaction() as session:
        upsert(session, KeyMinute, [minute("a", 1, 7), minute("a", 2, 1)], KEY)
    assert minutes() == {("a", 1): 7, ("a", 2): 1}


def test_upsert_leaves_columns_that_are_not_named(app: Flask) -> None:
    with transaction() as session:
        session.add(Preference(name="x", value="old", changed_at=1, changed_by="ada"))
    with transaction() as session:
        upsert(session, Preference, [{"name": "x", "value": "new", "changed_at": 2}], ["name"])
    with reading() as session:
        row = session.get_one(Preference, "x")
    assert (row.value, row.changed_at, row.changed_by) == ("new", 2, "ada")


@pytest.mark.usefixtures("stored")
def test_insert_new_leaves_what_is_there() -> None:
    with transaction() as session:
        insert_new(session, KeyMinute, [minute("a", 1, 7), minute("a", 2, 1)], KEY)
    assert minutes() == {("a", 1): 5, ("a", 2): 1}


@pytest.mark.usefixtures("stored")
def test_add_up_adds_to_what_is_there_even_within_one_batch() -> None:
    with transaction() as session:
        add_up(session, KeyMinute, [minute("a", 1, 7), minute("a", 2, 1), minute("a", 2, 3)], KEY, {})
    assert minutes() == {("a", 1): 12, ("a", 2): 4}


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("merge", "given", "there"),
    [
        ("max", 7, 7),
        ("max", 3, 5),
        ("min", 7, 5),
        ("min", 3, 3),
        ("replace", 3, 3),
        ("fill", 3, 5),
    ],
)
def test_add_up_merges_other_columns_as_told(merge: Merge, given: int, there: int) -> None:
    with transaction() as session:
        add_up(session, KeyMinute, [minute("a", 1, given), minute("b", 1, given)], KEY, {"requests": merge})
    assert minutes() == {("a", 1): there, ("b", 1): given}


def test_add_up_fills_what_is_null_and_keeps_what_is_to_stay(app: Flask) -> None:
    others: dict[str, Merge] = {"value": "keep", "changed_at": "keep", "changed_by": "fill"}
    for at, by in enumerate((None, "ada", "vic")):
        row = {"name": "x", "value": f"value {at}", "changed_at": at, "changed_by": by}
        with transaction() as session:
            add_up(session, Preference, [row], ["name"], others)
    with reading() as session:
        row_there = session.get_one(Preference, "x")
    assert (row_there.value, row_there.changed_at, row_there.changed_by) == ("value 0", 0, "ada")


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
