"""Bring the database to the present schema, once, however many processes start at the same time."""

import fcntl
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from app.db import SCHEMA_REVISION, db
from app.errors import StartFault

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
_LOCK_NUMBER = 0x63636661
_LOCK_WAIT_S = 120.0


class SchemaError(StartFault):
    """The schema cannot be brought up to date; the message says why and what to do."""


class DatabaseUnusable(SchemaError):
    """The database is away, or lets nobody in."""

    may_pass = True


def ensure(app: Flask, lock_dir: Path) -> None:
    """Migrate if the database is not at SCHEMA_REVISION. Call outside any app context."""
    with app.app_context():
        if revision() == SCHEMA_REVISION:
            return
        try:
            with _exclusive(lock_dir):
                if revision() != SCHEMA_REVISION:
                    _upgrade(app)
        except (SchemaError, DatabaseError) as exc:
            db.engine.dispose()  # A start that must not go on leaves no connection behind.
            if isinstance(exc, SchemaError):
                raise
            raise _unusable(exc) from exc


def revision() -> str | None:
    """Return the revision that the database is at; None when it is empty or cannot be read."""
    try:
        with db.engine.connect() as connection:
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except DatabaseError:
        return None


def _upgrade(app: Flask) -> None:
    # It names each part of itself when it is loaded; another logger tells what it does to the database.
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)
    from alembic import command  # noqa: PLC0415 - heavy, and only a start on an old schema needs it
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config(MIGRATIONS / "alembic.ini")
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        command.upgrade(config, "head")
    except CommandError as exc:
        raise SchemaError(
            f"The database is at a revision that this version does not know ({exc}). "
            "Start the version that wrote it, or restore a backup."
        ) from exc
    except DatabaseError as exc:
        raise _unusable(exc) from exc


def _unusable(exc: DatabaseError) -> DatabaseUnusable:
    address = db.engine.url.set(query={}).render_as_string()  # Without the password, which the query may hold too.
    return DatabaseUnusable(
        f"The database at {address} cannot be used: {str(exc.orig).strip()}\n"
        "See that it runs and lets this machine in, or correct DATABASE_URL."
    )


@contextmanager
def _exclusive(lock_dir: Path) -> Iterator[None]:
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": _LOCK_NUMBER})
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": _LOCK_NUMBER})
        return
    lock_dir.mkdir(parents=True, exist_ok=True)
    with open(lock_dir / "migrate.lock", "w") as handle:
        deadline = time.monotonic() + _LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise SchemaError(f"Another process has been migrating for {_LOCK_WAIT_S:.0f} s.") from None
                time.sleep(0.05)
        yield
