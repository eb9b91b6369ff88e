"""Writing many rows at once: inserted where they are new, merged where they are there, alike on every database."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from itertools import chain
from operator import itemgetter
from typing import Any, Literal, cast

from sqlalchemy import Connection, Dialect, bindparam, case, func
from sqlalchemy.orm import Session

from app.db import Model

Merge = Literal["max", "min", "replace", "fill", "keep"]
"""How `add_up` treats a column that is not simply added."""

_AT_ONCE = (64, 16, 4, 1)
"""How many rows one statement writes: few sizes, so that their prepared statements stay in the driver's cache."""


def upsert(session: Session, model: type[Model], rows: list[dict[str, Any]], key: list[str]) -> None:
    """Insert rows (all with the same columns), replacing the named columns of those that are there already."""
    _write_rows(session, model, rows, key, replace=True)


def insert_new(session: Session, model: type[Model], rows: list[dict[str, Any]], key: list[str]) -> None:
    """Insert the rows (all with the same columns) whose key is not there yet."""
    _write_rows(session, model, rows, key, replace=False)


def add_up(
    session: Session, model: type[Model], rows: list[dict[str, Any]], key: list[str], others: Mapping[str, Merge]
) -> None:
    """Insert rows (all with the same columns); where one is there already, add its columns to what is there.

    `others`: columns that are not added but merged in another way; `keep` leaves what is there, `fill` only replaces
    NULL. Give rows that several processes write in one order, lest they wait for each other.
    """
    connection = session.connection()
    sql, order = _add_up_sql(_alike(connection.dialect), model, tuple(rows[0]), tuple(key), tuple(others.items()))
    _run_many(connection, sql, order, rows)


def _write_rows(
    session: Session, model: type[Model], rows: list[dict[str, Any]], key: list[str], *, replace: bool
) -> None:
    connection = session.connection()
    sql, order = _insert_sql(_alike(connection.dialect), model, tuple(rows[0]), tuple(key), replace)
    _run_many(connection, sql, order, rows)


def _run_many(connection: Connection, sql: str, order: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    """Run a statement for every row, straight at the driver: the layers above cost more than the database does.

    A native thread gives the interpreter away and gets it back at every step of SQLite, which holds it and the event
    loop up; so many rows go in one step.
    """
    if not order:
        connection.exec_driver_sql(sql, rows)
        return
    values = itemgetter(*order)
    at = 0
    for size in _AT_ONCE:
        while len(rows) - at >= size:
            flat = tuple(chain.from_iterable(map(values, rows[at : at + size])))
            connection.exec_driver_sql(_widened(sql, len(order), size), flat)
            at += size


_DIALECTS: dict[tuple[str, str], Dialect] = {}


def _alike(dialect: Dialect) -> Dialect:
    """Return the first dialect of this kind, since every engine has one of its own and statements are dear to build."""
    return _DIALECTS.setdefault((dialect.name, dialect.driver), dialect)


@lru_cache(maxsize=256)
def _widened(sql: str, columns: int, rows: int) -> str:
    """Return an INSERT of one row as one of many."""
    row = f"({', '.join('?' * columns)})"
    return sql.replace(f"VALUES {row}", f"VALUES {', '.join([row] * rows)}", 1)


@lru_cache(maxsize=128)
def _add_up_sql(
    dialect: Dialect,
    model: type[Model],
    columns: tuple[str, ...],
    key: tuple[str, ...],
    others: tuple[tuple[str, Merge], ...],
) -> tuple[str, tuple[str, ...]]:
    insert = _insert_of(dialect.name)(model)
    statement = insert.values({name: bindparam(name) for name in columns})
    merges = dict(others)
    there, new = model.__table__.c, statement.excluded
    updated: dict[str, Any] = {}
    for name in columns:
        if name in key:
            continue
        match merges.get(name):
            case None:
                updated[name] = there[name] + new[name]
            case "max":
                updated[name] = case((new[name] > there[name], new[name]), else_=there[name])
            case "min":
                updated[name] = case((new[name] < there[name], new[name]), else_=there[name])
            case "replace":
                updated[name] = new[name]
            case "fill":
                updated[name] = func.coalesce(there[name], new[name])
            case "keep":
                pass
    compiled = statement.on_conflict_do_update(index_elements=key, set_=updated).compile(dialect=dialect)
    return str(compiled), tuple(compiled.positiontup or ())


@lru_cache(maxsize=128)
def _insert_sql(
    dialect: Dialect, model: type[Model], columns: tuple[str, ...], key: tuple[str, ...], replace: bool
) -> tuple[str, tuple[str, ...]]:
    """Return an INSERT for the driver and the order of its parameters; an empty order means named parameters."""
    insert = _insert_of(dialect.name)(model)
    statement = insert.values({name: bindparam(name) for name in columns})
    updated = {name: statement.excluded[name] for name in columns if name not in key}
    if replace and updated:
        statement = statement.on_conflict_do_update(index_elements=key, set_=updated)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    compiled = statement.compile(dialect=dialect)
    return str(compiled), tuple(compiled.positiontup or ())


def _insert_of(dialect: str) -> Callable[[Any], Any]:
    """Return the dialect's own `insert`, which knows conflicts; the other dialect is not even imported."""
    return cast("Callable[[Any], Any]", import_module(f"sqlalchemy.dialects.{dialect}").insert)
