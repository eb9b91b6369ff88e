"""The cheap looks at the database."""

import sqlite3
from pathlib import Path

from flask import Flask

from app.db import beat, transaction
from app.probes import ChangeProbe, is_writable


def test_probe_sees_what_another_connection_writes(app: Flask) -> None:
    with app.app_context():
        probe = ChangeProbe(app.config["SQLALCHEMY_DATABASE_URI"])
        assert probe.may_have_changed()
        assert not probe.may_have_changed()
        with transaction() as session:
            beat(session, "keys")
        assert probe.may_have_changed()
        assert not probe.may_have_changed()


def test_probe_of_another_engine_never_says_no() -> None:
    probe = ChangeProbe("postgresql+psycopg://nobody@localhost/none")
    assert probe.may_have_changed()
    assert probe.may_have_changed()


def test_locked_database_is_not_writable(app: Flask) -> None:
    path = Path(app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///"))
    with app.app_context():
        assert is_writable()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert not is_writable()
        other.execute("ROLLBACK")
        other.close()
        assert is_writable()
