"""The one-time token that makes the first admin."""

import threading
from typing import Any

import pytest
from flask import Flask

from app.access import setup, users
from app.access.users import NewUser
from app.audit import SYSTEM
from app.clock import now_ms
from app.db import reading
from app.errors import CcflareError, InvalidInput, NotAllowed
from app.preferences import SealedSecret
from app.runtime import runtime
from app.vault import Vault
from tests.databases import ENGINES, waiting_for_a_lock
from tests.integration.server import eventually

ANN = NewUser("ann", "correct horse battery")
JUST_LATER_MS = 20_000


@pytest.fixture
def vault(app: Flask) -> Vault:
    return runtime().vault


def issued(vault: Vault) -> str:
    token = setup.issue(vault)
    assert token is not None
    return token.text


def test_token_makes_an_admin_once(vault: Vault) -> None:
    token = issued(vault)
    assert setup.is_open(vault)
    assert setup.claim(vault, token, NewUser("ann", ANN.password, "viewer"), None).role == "admin"
    assert not setup.is_open(vault)
    with pytest.raises(NotAllowed):
        setup.claim(vault, token, NewUser("eve", ANN.password), None)
    assert [user.name for user in users.all_users()] == ["ann"]


def test_token_is_stored_neither_plain_nor_unsealed(vault: Vault) -> None:
    token = setup.issue(vault)
    assert token is not None
    with reading() as session:
        row = session.get(SealedSecret, "setup_token")
    assert row is not None
    assert token.text.encode() not in row.content
    assert token.text.encode() not in vault.open(row.content, "sealed_secrets:content:setup_token")
    assert token.text not in repr(token)


@pytest.mark.parametrize("wrong", ["", "x", "ü" * 40, "\udcff"])
def test_wrong_token_is_refused(vault: Vault, wrong: str) -> None:
    issued(vault)
    with pytest.raises(NotAllowed):
        setup.claim(vault, wrong, ANN, None)
    assert users.all_users() == ()


def test_nothing_is_open_before_a_token_is_issued(vault: Vault) -> None:
    assert not setup.is_open(vault)
    with pytest.raises(NotAllowed):
        setup.claim(vault, "", ANN, None)


def test_token_is_dead_after_an_hour(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    token = issued(vault)
    later = now_ms() + setup.LIFETIME_MS
    monkeypatch.setattr("app.access.setup.now_ms", lambda: later)
    assert not setup.is_open(vault)
    with pytest.raises(NotAllowed):
        setup.claim(vault, token, ANN, None)


def test_token_is_dead_and_none_is_made_once_an_admin_exists(vault: Vault) -> None:
    token = issued(vault)
    users.create_user(ANN, SYSTEM)
    assert not setup.is_open(vault)
    assert setup.issue(vault) is None
    with pytest.raises(NotAllowed):
        setup.claim(vault, token, NewUser("eve", ANN.password), None)


def test_workers_that_start_together_show_one_token(vault: Vault) -> None:
    assert setup.issue(vault) is not None
    assert setup.issue(vault) is None


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_hosts_that_start_together_show_one_token(app: Flask, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[setup.SetupToken | None] = []
    upsert, is_stored, goes_on = setup.upsert, threading.Event(), threading.Event()

    def upsert_and_wait(*args: Any) -> None:
        upsert(*args)
        is_stored.set()
        assert goes_on.wait(20)

    def issue() -> None:
        with app.app_context():
            made.append(setup.issue(vault))

    threads = [threading.Thread(target=issue) for _ in range(2)]
    monkeypatch.setattr(setup, "upsert", upsert_and_wait)
    threads[0].start()
    assert is_stored.wait(20)
    monkeypatch.setattr(setup, "upsert", upsert)
    threads[1].start()
    eventually(lambda: waiting_for_a_lock() == 1)
    goes_on.set()
    for thread in threads:
        thread.join()
    assert sum(token is not None for token in made) == 1


def test_worker_in_another_s_place_leaves_the_token_until_it_is_dead(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued(vault)
    now = now_ms()
    monkeypatch.setattr("app.access.setup.now_ms", lambda: now + JUST_LATER_MS)
    assert setup.issue(vault, anew=False) is None
    monkeypatch.setattr("app.access.setup.now_ms", lambda: now + setup.LIFETIME_MS)
    assert setup.issue(vault, anew=False) is not None


def test_later_start_replaces_the_token(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    first = issued(vault)
    later = now_ms() + JUST_LATER_MS
    monkeypatch.setattr("app.access.setup.now_ms", lambda: later)
    second = issued(vault)
    with pytest.raises(NotAllowed):
        setup.claim(vault, first, ANN, None)
    assert setup.claim(vault, second, ANN, None).name == "ann"


def test_weak_password_leaves_the_token_alive(vault: Vault) -> None:
    token = issued(vault)
    with pytest.raises(InvalidInput):
        setup.claim(vault, token, NewUser("ann", "short"), None)
    assert setup.claim(vault, token, ANN, None).name == "ann"


def test_of_many_claims_at_once_one_wins(app: Flask, vault: Vault) -> None:
    token = issued(vault)
    won: list[str] = []
    lost: list[CcflareError] = []
    together = threading.Barrier(6)

    def claim(name: str) -> None:
        with app.app_context():
            together.wait()
            try:
                won.append(setup.claim(vault, token, NewUser(name, ANN.password), None).name)
            except NotAllowed as exc:
                lost.append(exc)

    threads = [threading.Thread(target=claim, args=(f"user{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(lost) == 5
    assert [user.name for user in users.all_users()] == won
