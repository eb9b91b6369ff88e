"""Databases for tests: a SQLite file, and a fresh PostgreSQL one where CCFLARE_TEST_POSTGRES_URL names a server."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, make_url, text

from app.db import db
from app.factory import create_app
from config import Settings

ENGINES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))


@contextmanager
def database_url(engine: str, folder: Path) -> Iterator[str]:
    """Yield the URL of an empty database of a kind; skip the test when there is no such server."""
    if engine == "sqlite":
        yield f"sqlite:///{folder}/test.db"
        return
    server = os.environ.get("CCFLARE_TEST_POSTGRES_URL")
    if not server:
        pytest.skip("CCFLARE_TEST_POSTGRES_URL names no server")
    address = make_url(server).set(drivername="postgresql+psycopg")
    name = f"ccflare_test_{secrets.token_hex(6)}"
    admin = create_engine(address, isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield address.set(database=name).render_as_string(hide_password=False)
        finally:
            with admin.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        admin.dispose()


@contextmanager
def application(engine: str, folder: Path) -> Iterator[Flask]:
    """Yield an application on an empty database of a kind, its context entered."""
    with database_url(engine, folder) as url:
        made = create_app(Settings.load({"CCFLARE_DATA_DIR": str(folder / "data"), "DATABASE_URL": url}))
        with made.app_context():
            yield made
            db.engine.dispose()
