"""Another encryption key while the server serves: nothing is lost, nothing stays behind, a killed run goes on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import LargeBinary, select, update

from app import installation, rotation
from app.accounts import service
from app.accounts.entry import NewAccount
from app.accounts.models import Account
from app.audit import Actor
from app.background.models import WorkerState
from app.clock import now_ms
from app.db import Model, db, reading, transaction
from app.factory import create_app
from app.rotation import SEALED, Rotation, retire, rotate
from app.runtime import runtime
from app.upserts import upsert
from app.usage import payloads
from app.usage.journal import Journal
from app.usage.models import Payload, Request
from app.values import TokenPair
from app.vault import Vault, VaultError, keyring, new_key
from config import Settings

OPERATOR = Actor("cli:test")
DIGESTS = {"client_keys.digest", "user_sessions.digest", "pending_logins.browser"}
FIGURES = {"rollups.durations", "rollups.first_bytes", "rollups.first_tokens", "rollups.speeds"}
"""Binary columns without a secret."""


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "_SETTLE_S", 0.0)
    monkeypatch.setattr(rotation, "_PAUSE_S", 0.0)


def fill(count: int = 3) -> None:
    """Give the installation something sealed in every table."""
    vault = runtime().vault
    service.add(vault, NewAccount("key", "console", "sk-ant-api03-x"), OPERATOR)
    service.add(
        vault, NewAccount("sub", "max", tokens=TokenPair("sk-ant-oat01-x", "sk-ant-ort01-x", 1 << 50)), OPERATOR
    )
    runtime().log_ins.begin(NewAccount("new", "max"))
    with transaction() as session:
        for number in range(1, count + 1):
            session.add(Request(id=number, started_at=1, method="POST", path="/", stream=False, attempts=0))
        session.flush()
        for number in range(1, count + 1):
            content = vault.seal(b"body %d" % number, payloads.place(number))
            session.add(Payload(request_id=number, at=1, size=1, content=content))


def values() -> list[tuple[str, bytes]]:
    """Return every sealed value with the place that it is sealed for."""
    found = []
    with reading() as session:
        for sealed in SEALED:
            (key,), column = sealed.table.primary_key.columns, sealed.table.c[sealed.column]
            rows = session.execute(select(key, column).where(column.is_not(None)))
            found += [(sealed.place(row_key), value) for row_key, value in rows]
    return found


def opened(vault: Vault) -> dict[str, bytes]:
    return {place: vault.open(value, place) for place, value in values()}


def test_every_sealed_column_is_sealed_anew(app: Flask) -> None:
    mapped = {f"{sealed.table.name}.{sealed.column}" for sealed in SEALED}
    binary = {
        f"{table.name}.{column.name}"
        for table in Model.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    assert binary - DIGESTS - FIGURES == mapped


def test_everything_opens_as_before_under_the_new_key_alone(app: Flask) -> None:
    fill()
    run = runtime()
    before, old = opened(run.vault), run.vault.current
    done = rotate(run.vault, OPERATOR)
    assert done == Rotation(
        True,
        str(run.vault.file),
        {"sealed_secrets": 3, "accounts": 3, "pending_logins": 1, "payloads": 3},
        (),
        1,
    )
    assert run.vault.current != old
    assert retire(run.vault, run.settings.data_dir, OPERATOR) == 1
    assert opened(run.vault) == before
    assert old not in run.vault.key_ids
    installation.check_keyring(run.vault)


def test_serving_process_goes_on_through_a_rotation_by_another(app: Flask, settings: Settings) -> None:
    fill()
    serving = runtime()
    other = create_app(settings)
    with other.app_context():
        rotate(runtime().vault, OPERATOR)
        db.engine.dispose()
    serving.pool.load()
    assert [state.secrets.fault for state in map(serving.pool.state, (1, 2)) if state] == [None, None]
    assert serving.vault.current == keyring(serving.vault.file.read_text()).current if serving.vault.file else False


def test_killed_run_is_finished_by_the_next_without_another_key(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(120)
    run = runtime()
    before = opened(run.vault)
    batches = iter(range(4))

    def killed(_seconds: float) -> None:
        if next(batches) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(rotation.time, "sleep", killed)
    with pytest.raises(KeyboardInterrupt):
        rotate(run.vault, OPERATOR)
    monkeypatch.undo()
    half = sum(value.startswith(run.vault.prefix) for _, value in values())
    assert 0 < half < len(before)
    current = run.vault.current
    done = rotate(run.vault, OPERATOR)
    assert (done.added_key, run.vault.current) == (False, current)
    assert sum(done.resealed.values()) == len(before) - half
    assert opened(run.vault) == before


def test_value_that_changes_meanwhile_is_not_set_back(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(1)
    run = runtime()
    seal: Callable[[bytes, str], bytes] = run.vault.seal
    place = "accounts:refresh_token:2"
    newer = seal(b"sk-ant-ort01-newer", place)

    def rotated_meanwhile(plain: bytes, at: str) -> bytes:
        if at == place:
            with transaction() as session:
                session.execute(update(Account).where(Account.id == 2).values(refresh_token=newer))
        return seal(plain, at)

    monkeypatch.setattr(Vault, "seal", lambda self, plain, at: rotated_meanwhile(plain, at))
    rotate(run.vault, OPERATOR)
    monkeypatch.undo()
    assert opened(run.vault)[place] == b"sk-ant-ort01-newer"


def test_value_that_no_key_opens_is_named_and_is_in_nobodys_way(app: Flask) -> None:
    fill(1)
    run = runtime()
    foreign = keyring(new_key()).seal(b"x", "accounts:api_key:1")
    with transaction() as session:
        session.execute(update(Account).where(Account.id == 1).values(api_key=foreign))
    done = rotate(run.vault, OPERATOR)
    assert (done.added_key, done.broken) == (True, ("accounts:api_key:1",))
    assert dict(values())["accounts:api_key:1"] == foreign
    assert retire(run.vault, run.settings.data_dir, OPERATOR) == 1


def test_old_key_stays_while_a_journal_or_a_rotated_pair_needs_it(app: Flask) -> None:
    run = runtime()
    data_dir = run.settings.data_dir
    journal = Journal(data_dir / "journal")
    journal.append({"kind": "end", "id": 1}, run.vault.seal(b"body", payloads.place(1)))
    rescue = run.credentials._refresher.rescue
    rescue.keep(1, 1, TokenPair("a", "b", 1))
    rotate(run.vault, OPERATOR)
    with pytest.raises(VaultError, match="2 values"):
        retire(run.vault, data_dir, OPERATOR)
    journal.close()
    for path in (data_dir / "journal").glob("*.journal"):
        path.unlink()
    rescue.drop(1, 1)
    assert retire(run.vault, data_dir, OPERATOR) == 1
    assert retire(run.vault, data_dir, OPERATOR) == 0


def worker_told(key_id: bytes, seen_at: int) -> None:
    row = {"worker": "host:1", "started_at": 1, "seen_at": seen_at, "gauges": json.dumps({"key_id": key_id.decode()})}
    with transaction() as session:
        upsert(session, WorkerState, [row], ["worker"])


def test_old_key_stays_while_a_worker_seals_with_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    run = runtime()
    old = run.vault.current
    rotate(run.vault, OPERATOR)
    worker_told(old, now_ms())
    monkeypatch.setattr(rotation, "_TOLD_WITHIN_S", 0.0)
    with pytest.raises(VaultError, match="host:1"):
        retire(run.vault, run.settings.data_dir, OPERATOR)
    assert old in run.vault.key_ids
    worker_told(old, 1)  # It is dead.
    assert retire(run.vault, run.settings.data_dir, OPERATOR) == 1


def test_what_a_worker_sealed_with_the_old_key_meanwhile_is_sealed_anew(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(1)
    run = runtime()
    late = keyring(key_text(run.vault))
    rotate(run.vault, OPERATOR)
    worker_told(late.current, now_ms())
    place = "accounts:api_key:1"

    def work(_seconds: float) -> None:
        sealed = late.seal(b"sk-ant-api03-late", place)
        with transaction() as session:
            session.execute(update(Account).where(Account.id == 1).values(api_key=sealed))
        worker_told(run.vault.current, now_ms())
        monkeypatch.setattr(rotation.time, "sleep", lambda _seconds: None)

    monkeypatch.setattr(rotation.time, "sleep", lambda seconds: work(seconds) if seconds else None)
    assert retire(run.vault, run.settings.data_dir, OPERATOR) == 1
    assert opened(run.vault)[place] == b"sk-ant-api03-late"


def key_text(vault: Vault) -> str:
    assert vault.file is not None
    return vault.file.read_text()


def test_keys_of_the_environment_are_used_in_their_order_and_left_to_the_operator(tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    environment = {"CCFLARE_DATA_DIR": str(tmp_path / "data"), "CCFLARE_ENCRYPTION_KEYS": old}
    with create_app(Settings.load(environment)).app_context():
        fill()
        before = opened(runtime().vault)
        db.engine.dispose()
    both = create_app(Settings.load({**environment, "CCFLARE_ENCRYPTION_KEYS": f"{new},{old}"}))
    with both.app_context():
        done = rotate(runtime().vault, OPERATOR)
        assert (done.added_key, done.key_file, sum(done.resealed.values())) == (False, None, len(before))
        with pytest.raises(VaultError, match="environment"):
            retire(runtime().vault, tmp_path / "data", OPERATOR)
        db.engine.dispose()
    with create_app(Settings.load({**environment, "CCFLARE_ENCRYPTION_KEYS": new})).app_context():
        assert opened(runtime().vault) == before
        db.engine.dispose()


def test_rotation_is_in_the_audit_log(app: Flask) -> None:
    run = runtime()
    rotate(run.vault, OPERATOR)
    retire(run.vault, run.settings.data_dir, OPERATOR)
    with reading() as session:
        rows: list[Any] = list(session.execute(select(Model.metadata.tables["audit_log"].c.action)).scalars())
    assert rows[-2:] == ["keyring.rotate", "keyring.retire"]
