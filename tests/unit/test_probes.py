"""The cheap looks at the database."""

import sqlite3
import threading
from pathlib import Path

import pytest
from flask import Flask

from app import probes
from app.db import beat, transaction
from app.probes import ChangeProbe, WriteProbe, is_writable


def test_probe_sees_what_another_connection_writes(app: Flask) -> None:
    with app.app_context():
        probe = ChangeProbe(app.config["SQLALCHEMY_DATABASE_URI"])
        assert probe.may_have_changed()
        assert not probe.may_have_changed()
        with transaction() as session:
            beat(session, "keys")
        assert probe.may_have_changed()
        assert not probe.may_have_changed()


def test_closed_probe_opens_another_connection_when_it_looks_again(app: Flask) -> None:
    probe = ChangeProbe(app.config["SQLALCHEMY_DATABASE_URI"])
    assert probe.may_have_changed()
    probe.close()
    probe.close()
    assert isinstance(probe.may_have_changed(), bool)
    probe.close()


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


def test_attempt_to_write_is_shared_by_all_who_ask_meanwhile(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    probe, waits, attempts, answers = WriteProbe(), threading.Event(), [], []

    class Over(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.set()
            return super().wait(timeout)

    def ask() -> None:
        with app.app_context():
            answers.append(probe.is_writable())

    other = threading.Thread(target=ask)

    def attempt() -> bool:
        attempts.append(1)
        if len(attempts) == 1:
            monkeypatch.setattr(probe._running, "over", Over())
            other.start()
            assert waits.wait(10)
        return True

    monkeypatch.setattr(probes, "is_writable", attempt)
    ask()
    other.join()
    assert (answers, len(attempts)) == ([True, True], 1)
    ask()
    assert len(attempts) == 2
