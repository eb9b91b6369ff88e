"""Rows that meet rows: replaced, left alone or added up, however many there are."""

import pytest
from flask import Flask

from app.access.models import KeyMinute
from app.db import reading, transaction
from app.preferences import Preference
from app.upserts import Merge, add_up, insert_new, upsert
from tests.unit.key_minutes import KEY, minute, minutes


@pytest.fixture
def stored(app: Flask) -> None:
    """One row that others meet."""
    with transaction() as session:
        session.add(KeyMinute(**minute("a", 1, 5)))


@pytest.mark.parametrize("count", [1, 3, 16, 64, 150])
def test_any_number_of_rows_is_written(app: Flask, count: int) -> None:
    rows = [minute("a", number, number * 2) for number in range(count)]
    for turn in range(1, 3):
        with transaction() as session:
            add_up(session, KeyMinute, rows, KEY, {})
        assert minutes() == {("a", number): number * 2 * turn for number in range(count)}


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
