import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import gevent
import gevent.event
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
from app.background.workers import Failing, Ingester, Notice, stop
from app.db import beat, db, reading, transaction
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


def test_last_turn_of_an_ingester_waits_for_the_one_under_way(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[str] = []
    goes_on = gevent.event.Event()

    def slow(_: Path) -> int:
        turns.append("begun")
        goes_on.wait()
        turns.append("ended")
        return 0

    ingester = Ingester(tmp_path)
    ingester.work()
    record(runtime(), tmp_path).close()
    monkeypatch.setattr(workers, "ingest", slow)
    working, finishing = gevent.spawn(in_context(app, ingester.work)), gevent.spawn(in_context(app, ingester.finish))
    gevent.idle()
    assert turns == ["begun"]
    goes_on.set()
    gevent.joinall([working, finishing], raise_error=True)
    assert turns == ["begun", "ended", "begun", "ended"]


def test_ingester_that_has_finished_works_no_more(app: Flask, tmp_path: Path) -> None:
    ingester, next_one = Ingester(tmp_path), Ingester(tmp_path)
    ingester.finish()
    record(runtime(), tmp_path).close()
    ingester.work()
    assert stored() == 0
    next_one.work()
    assert stored() == 1
    next_one.finish()


def begin_and_end(run: Runtime) -> None:
    """Record a request that ended and one that still runs."""
    for number in (1, 2):
        request = ProxyRequest(new_request_id(number), number, "POST", "/v1/messages", "/v1/messages", (), b"")
        run.recorder.begin(Record(request, "session"))
    run.recorder.finish(Record(request, "session"), "complete")


def test_records_that_the_disk_refused_are_stored_at_the_stop(app: Flask) -> None:
    run = runtime()
    run.journal_dir.touch()
    begin_and_end(run)
    stop(app)
    with reading() as session:
        assert set(session.execute(select(Request.outcome)).scalars()) == {"cut_by_shutdown", "complete"}


def test_records_that_nothing_takes_are_told_as_lost(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    run = runtime()
    run.journal_dir.touch()
    begin_and_end(run)
    with transaction() as session:
        session.connection().exec_driver_sql("DROP TABLE attempts")
        session.connection().exec_driver_sql("DROP TABLE payloads")
        session.connection().exec_driver_sql("DROP TABLE requests")
    stop(app)
    assert "3 records are lost" in caplog.text
    db.engine.dispose()


def test_step_that_fails_is_told_at_the_begin_and_at_the_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(workers, "monotonic", lambda: now[0])
    failing = Failing("ingest")
    for fault in ("connection refused", "the database system is starting up"):
        failing.failed(OperationalError("SELECT 1", {}, Exception(fault)))
        failing.ended()
    for _ in range(2):
        now[0] += 10
        failing.ended()
    assert [record.message for record in caplog.records] == [
        "ingest failed and will be tried again: Exception: connection refused",
        "ingest works again",
    ]


def test_step_that_fails_in_another_way_is_told(caplog: pytest.LogCaptureFixture) -> None:
    failing = Failing("ingest")
    for fault in (OSError("disk"), OSError("disk"), OSError("network")):
        failing.failed(fault)
    assert len(caplog.records) == 2


def in_context(app: Flask, step: Callable[[], None]) -> Callable[[], None]:
    def inside() -> None:
        with app.app_context():
            step()

    return inside
