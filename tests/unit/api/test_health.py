"""Liveness and readiness."""

import pytest
from flask import Flask
from sqlalchemy import text

from app.accounts import service
from app.accounts.entry import NewAccount
from app.audit import Actor
from app.background.gauges import gauges_of
from app.db import transaction
from app.runtime import runtime
from app.usage.recorder import Record
from app.values import ProxyRequest
from app.version import VERSION

OPERATOR = Actor("test")


def add(name: str) -> None:
    service.add(runtime().vault, NewAccount(name, "zai", "sk-key"), OPERATOR)


def pause(name: str) -> None:
    with transaction() as session:
        session.execute(text("UPDATE accounts SET paused_at = 1 WHERE name = :name"), {"name": name})


@pytest.mark.parametrize(
    ("accounts", "paused", "status"),
    [((), (), "no_accounts"), (("a", "b"), ("a",), "ok"), (("a", "b"), ("a", "b"), "exhausted")],
    ids=["none", "one of two", "all paused"],
)
def test_process_lives_however_the_pool_is(
    app: Flask, accounts: tuple[str, ...], paused: tuple[str, ...], status: str
) -> None:
    for name in accounts:
        add(name)
    for name in paused:
        pause(name)
    runtime().pool.load()
    answer = app.test_client().get("/health")
    assert answer.status_code == 200
    told = answer.get_json()
    assert told["status"] == status
    assert (told["accounts"], told["accounts_usable"]) == (len(accounts), len(accounts) - len(paused))
    assert (told["version"], told["strategy"]) == (VERSION, runtime().settings.lb_strategy)


def test_worker_that_serves_is_ready(app: Flask) -> None:
    answer = app.test_client().get("/health/ready")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ready", "reason": None})


def test_draining_worker_is_alive_and_not_ready(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime().flights, "is_stopping", lambda: True)
    client = app.test_client()
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.get_json()["status"]) == (503, "unready")
    assert "draining" in answer.get_json()["reason"]
    assert client.get("/health").status_code == 200


def test_worker_whose_database_cannot_be_written_is_alive_and_not_ready(app: Flask) -> None:
    with transaction() as session:
        session.execute(text("DROP TABLE pulse"))
    client = app.test_client()
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.get_json()["status"]) == (503, "unready")
    assert "database" in answer.get_json()["reason"]
    assert client.get("/health").status_code == 200


def test_journal_that_cannot_be_written_is_told(app: Flask) -> None:
    run = runtime()
    run.journal_dir.touch()
    run.recorder.begin(Record(ProxyRequest(1, 1, "POST", "/v1/messages", "/v1/messages", (), b""), "session"))
    answer = app.test_client().get("/health/ready")
    assert (answer.status_code, answer.get_json()["status"]) == (200, "ready")
    assert "1 records wait" in answer.get_json()["reason"]
    assert gauges_of(run)["records_waiting"] == 1
