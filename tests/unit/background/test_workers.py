import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from app import commits, preferences
from app.access import keys
from app.accounts import secrets, service
from app.accounts.entry import NewAccount
from app.accounts.models import Account
from app.background import workers
from app.background.workers import Ingester, Notice, stop
from app.db import beat, reading, transaction
from app.runtime import Runtime, runtime
from app.usage.journal import Journal
from app.usage.models import Request
from app.usage.recorder import Record, Recorder, RecordOptions
from app.values import ProxyRequest, new_request_id
from app.vault import Ring, add_key, keyring, new_key
from tests.unit.accounts.logins import OPERATOR


def look(run: Runtime) -> Notice:
    notice = Notice(run)
    notice.look()
    return notice


def record(run: Runtime, directory: Path) -> Recorder:
    """Write the record of one request into a journal of its own, as a worker would."""
    recorder = Recorder(Journal(directory), run.vault, RecordOptions("off"))
    request_id = new_request_id()
    request = ProxyRequest(request_id, 1, "POST", "/v1/messages", "/v1/messages", (), b"")
    recorder.finish(Record(request, "session"), "complete")
    return recorder


def stored() -> int:
    with reading() as session:
        return session.execute(select(func.count()).select_from(Request)).scalar_one()


def test_account_that_another_process_added_is_noticed(app: Flask) -> None:
    run = runtime()
    notice = look(run)
    service.add(run.vault, NewAccount("new", "console", api_key="sk-ant-api03-new"), OPERATOR)
    assert run.pool.candidates() == ()
    notice.look()
    assert [candidate.name for candidate in run.pool.candidates()] == ["new"]


def test_key_that_another_process_made_is_noticed(app: Flask) -> None:
    run = runtime()
    notice = look(run)
    with transaction() as session:
        keys.make(session, run.pepper, "laptop", "client", "test")
        beat(session, "keys")
    notice.look()
    assert not run.keys.is_empty


def test_setting_that_was_changed_is_in_force(app: Flask) -> None:
    run = runtime()
    notice = look(run)
    preferences.change(run.settings, "store_payloads", "errors", OPERATOR)
    notice.look()
    assert run.settings.store_payloads == "errors"
    assert run.recorder.options.payloads == "errors"


def test_key_that_was_changed_is_noticed_while_nothing_is_sealed(app: Flask) -> None:
    run = runtime()
    notice, before = look(run), run.vault.current
    assert run.vault.file is not None
    add_key(run.vault.file)
    for _ in range(5):
        notice.look()
    assert run.vault.current != before


def test_accounts_are_read_anew_when_keys_come_that_open_them(app: Flask) -> None:
    run = runtime()
    notice = look(run)
    service.add(run.vault, NewAccount("one", "console", api_key="sk-ant-api03-one"), OPERATOR)
    with transaction() as session:
        sealed = keyring(new_key())
        place = secrets.place(1, "api_key")
        session.execute(update(Account).values(api_key=sealed.seal(b"sk-ant-api03-one", place)))
    notice.look()
    assert (state := run.pool.state(1)) is not None
    assert state.secrets.fault is not None
    run.vault._ring = Ring(run.vault.current, run.vault._ring.keys | sealed._ring.keys)
    for _ in range(5):
        notice.look()
    assert (state := run.pool.state(1)) is not None
    assert state.secrets.fault is None


def test_one_ingester_at_a_time_moves_the_journals(app: Flask, tmp_path: Path) -> None:
    run = runtime()
    first, second = Ingester(tmp_path), Ingester(tmp_path)
    first.work()
    recorder = record(run, tmp_path)
    second.work()
    assert stored() == 0
    first.work()
    assert stored() == 1
    recorder.close()
    first.finish()


def test_next_ingester_goes_on_where_the_first_has_finished(app: Flask, tmp_path: Path) -> None:
    run = runtime()
    first, second = Ingester(tmp_path), Ingester(tmp_path)
    first.work()
    record(run, tmp_path).close()
    first.finish()
    assert stored() == 1
    record(run, tmp_path).close()
    second.work()
    assert stored() == 2
    assert list(tmp_path.glob("*.journal")) == []
    second.finish()


def test_change_that_waits_for_the_database_is_written_at_the_end(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    run = runtime()
    view = service.add(run.vault, NewAccount("work", "console", api_key="sk-ant-api03-work"), OPERATOR)
    run.pool.load()

    def away(_: object) -> None:
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    with monkeypatch.context() as patched:
        patched.setattr(commits, "_run", away)
        run.pool.start_session(view.id, 7)
    assert run.commits.waiting == 1
    stop(app)
    with reading() as session:
        assert session.execute(select(Account.session_start)).scalar_one() == 7


def test_file_that_is_gone_when_it_is_looked_at_is_left_out(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingester = Ingester(tmp_path)
    recorder = record(runtime(), tmp_path)
    (tmp_path / "1-a.000001.new").touch()

    def renaming(path: Path) -> Iterator[os.DirEntry[str]]:
        for entry in os.scandir(path):
            if entry.name.endswith(".new"):
                Path(entry.path).unlink()
            yield entry

    monkeypatch.setattr(workers, "os", SimpleNamespace(scandir=renaming))
    ingester.work()
    assert stored() == 1
    recorder.close()
    ingester.finish()
