"""Journals into the database: each record exactly once, whatever dies in between and whatever it holds."""

import logging
import os
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import InternalError, OperationalError

from app.accounts.models import Account
from app.clock import now_ms
from app.db import reading, transaction
from app.usage import ingest as module
from app.usage.ingest import REFUSED, ingest
from app.usage.journal import Journal, decode, encode, journals
from app.usage.models import Attempt, ClientSession, JournalPosition, Payload, Request, Rollup
from app.usage.recorder import START
from app.usage.spans import DAY_MS
from tests.databases import ENGINES, waiting_for_a_lock
from tests.integration.server import eventually
from tests.unit.usage.records import NOW, check_sums, end

TRY = {
    "account_id": 1,
    "account_name": "work",
    "status": 200,
    "reason": "served",
    "detail": None,
    "started_at": NOW,
    "ended_at": NOW + 5,
    "cooldown_until": None,
}


@pytest.fixture
def journal(app: Flask, tmp_path: Path) -> Journal:
    """The journal of a living worker, and an account that its records are of."""
    with transaction() as session:
        session.add(Account(id=1, name="work", provider="console", created_at=NOW))
    return Journal(tmp_path / "journal")


def start(head: dict[str, Any], worker: str) -> dict[str, Any]:
    """Return the record of a request's start that belongs to its final record."""
    names = ("id", "started_at", "method", "path", "model", "stream", "session_id", "agent_id", "key_id")
    return {"kind": START, "worker": worker} | {name: head[name] for name in names}


def requests() -> dict[int, Request]:
    """Return all requests by id."""
    with reading() as session:
        return {row.id: row for row in session.execute(select(Request)).scalars()}


def positions() -> dict[str, int]:
    """Return how far each journal is read."""
    with reading() as session:
        return {row.journal: row.offset for row in session.execute(select(JournalPosition)).scalars()}


def served() -> int:
    """Return how many requests the account has served."""
    with reading() as session:
        return session.execute(select(Account.request_count)).scalar_one()


def test_records_become_rows_once(journal: Journal, tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    head = end(NOW, attempts=[TRY, TRY], tokens=[100, 50, 1000, 200, 0, 0])
    journal.append(dict(head), b"sealed")
    assert ingest(directory) == 1
    assert ingest(directory) == 0
    (row,) = requests().values()
    assert (row.outcome, row.attempts, row.input_tokens, row.cache_read_tokens) == ("complete", 2, 100, 1000)
    assert row.tokens_per_s == 50 / 2
    assert row.cost == 300 + 750 + 300 + 750, "micro-USD at 3, 15, 0.30 and 3.75 USD per million"
    with reading() as session:
        assert [one.position for one in session.execute(select(Attempt)).scalars()] == [0, 1]
        assert session.execute(select(Payload.content)).scalars().all() == [b"sealed"]
    assert served() == 1
    (path,) = journals(directory)
    assert positions() == {path.name: path.stat().st_size}


def test_journal_is_read_on_from_where_it_was(journal: Journal, tmp_path: Path) -> None:
    for number in range(5):
        journal.append(end(NOW + number))
        assert ingest(tmp_path / "journal") == 1
    assert len(requests()) == served() == 5


def test_what_comes_meanwhile_waits_for_the_next_turn(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a growing journal is run after in many small batches, and most of what a batch costs is fixed."""
    commit = module._commit

    def commit_while_more_comes(*args: Any) -> None:
        journal.append(end(NOW + 100 + len(requests())))
        commit(*args)

    journal.append(end(NOW))
    monkeypatch.setattr(module, "_commit", commit_while_more_comes)
    assert ingest(tmp_path / "journal") == 1
    assert ingest(tmp_path / "journal") == 1


def test_torn_end_of_a_living_journal_waits(journal: Journal, tmp_path: Path) -> None:
    journal.append(end(NOW))
    (path,) = journals(tmp_path / "journal")
    frame = encode(end(NOW + 1))
    with path.open("ab") as file:
        file.write(frame[:-3])
    assert ingest(tmp_path / "journal") == 1
    with path.open("ab") as file:
        file.write(frame[-3:])
    assert ingest(tmp_path / "journal") == 1


def test_abandoned_journal_is_finished_and_removed(
    journal: Journal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "journal"
    journal.append(end(NOW))
    journal.close()
    (path,) = journals(directory)
    with path.open("ab") as file:
        file.write(encode(end(NOW + 1))[:-3])
    with caplog.at_level(logging.WARNING):
        assert ingest(directory) == 1
    assert "torn record" in caplog.text
    assert (journals(directory), positions()) == ([], {})


def test_what_a_dead_worker_left_running_was_cut(journal: Journal, tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    done, running = end(NOW), end(NOW + 1)
    for head in (done, running):
        journal.append(start(head, journal.worker))
    ingest(directory)
    assert [row.outcome for row in requests().values()] == [None, None]
    journal.append(dict(done))
    journal.close()
    ingest(directory)
    found = requests()
    assert (found[done["id"]].outcome, found[running["id"]].outcome) == ("complete", "cut_by_shutdown")


def test_end_of_what_was_cut_is_the_last_sign_of_its_worker(journal: Journal, tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    before, after = end(NOW, session_id="s-1"), end(NOW + 90_000)
    for head in (before, after):
        journal.append(start(head, journal.worker))
    ingest(directory)
    journal.close()
    (path,) = journals(directory)
    os.utime(path, ns=(0, (NOW + 60_000) * 1_000_000))
    ingest(directory)
    found = requests()
    assert found[before["id"]].ended_at == NOW + 60_000
    assert found[after["id"]].ended_at == NOW + 90_000, "it never ends before it began"
    check_sums()
    with reading() as session:
        sums = session.execute(select(Rollup.requests, Rollup.timed).where(Rollup.span_ms == DAY_MS)).all()
        assert sums == [(2, 0)], "how long they took is not known"
        assert session.execute(select(ClientSession.busy_ms)).scalars().all() == [0]


def test_end_of_what_was_cut_is_never_later_than_its_discovery(journal: Journal, tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    journal.append(start(end(NOW), journal.worker))
    journal.close()
    (path,) = journals(directory)
    os.utime(path, ns=(0, (now_ms() + 3_600_000) * 1_000_000))
    ingest(directory)
    (row,) = requests().values()
    assert row.ended_at is not None
    assert row.ended_at <= now_ms()


def test_requests_of_other_workers_stay_running(journal: Journal, tmp_path: Path) -> None:
    other = Journal(tmp_path / "journal")
    mine, theirs = end(NOW), end(NOW + 1)
    journal.append(start(mine, journal.worker))
    other.append(start(theirs, other.worker))
    ingest(tmp_path / "journal")
    other.close()
    ingest(tmp_path / "journal")
    assert [requests()[head["id"]].outcome for head in (mine, theirs)] == [None, "cut_by_shutdown"]
    journal.close()


def test_full_journal_of_a_living_worker_ends_nothing(app: Flask, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", rotate_bytes=300)
    head = end(NOW)
    journal.append(start(head, journal.worker), b"x" * 400)
    ingest(tmp_path / "journal")
    assert [row.outcome for row in requests().values()] == [None]
    journal.append(head)
    ingest(tmp_path / "journal")
    assert [row.outcome for row in requests().values()] == ["complete"]
    journal.close()


def test_end_may_come_without_a_start_and_a_start_too_late(journal: Journal, tmp_path: Path) -> None:
    head = end(NOW)
    journal.append(dict(head))
    ingest(tmp_path / "journal")
    journal.append(start(head, journal.worker))
    ingest(tmp_path / "journal")
    (row,) = requests().values()
    assert row.outcome == "complete"
    journal.close()


def test_crash_before_the_journal_is_removed_counts_nothing_twice(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append(end(NOW, attempts=[TRY]), b"sealed")
    journal.close()

    def crash(self: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", crash)
        with pytest.raises(KeyboardInterrupt):
            ingest(tmp_path / "journal")
    assert len(requests()) == 1
    assert ingest(tmp_path / "journal") == 0
    assert journals(tmp_path / "journal") == []
    assert served() == 1


def test_crash_before_the_commit_stores_all_the_next_time(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        journal.append(end(NOW + number))

    def locked(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database is locked"))

    with monkeypatch.context() as patched:
        patched.setattr(module, "_advance", locked)
        with pytest.raises(OperationalError):
            ingest(tmp_path / "journal")
    assert requests() == {}
    assert ingest(tmp_path / "journal") == 3
    assert len(requests()) == served() == 3
    journal.close()


def test_same_journal_read_twice_changes_nothing(journal: Journal, tmp_path: Path) -> None:
    """A restored database may not know how far a journal was read."""
    journal.append(end(NOW, attempts=[TRY]), b"sealed")
    for _ in range(2):
        ingest(tmp_path / "journal")
        with transaction() as session:
            session.query(JournalPosition).delete()
    assert len(requests()) == served() == 1
    journal.close()


def test_record_that_no_database_takes_is_set_aside(
    journal: Journal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "journal"
    bad = end(NOW + 1, answer_bytes=10**30)
    for head in (end(NOW), bad, end(NOW + 2)):
        journal.append(dict(head))
    assert ingest(directory) == 2
    assert len(requests()) == 2
    assert "is set aside" in caplog.text
    (kept,) = decode((directory / REFUSED).read_bytes())
    assert kept.head["answer_bytes"] == 10**30
    journal.append(end(NOW + 3))
    assert ingest(directory) == 1
    journal.close()


@pytest.mark.parametrize("sqlstate", ["25006", "XX000"], ids=["known to be read-only", "unknown fault"])
def test_database_that_takes_nothing_sets_nothing_aside(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlstate: str
) -> None:
    """As PostgreSQL behaves after a fail-over."""
    directory = tmp_path / "journal"
    for number in range(2):
        journal.append(end(NOW + number))

    class ReadOnly(Exception):
        pass

    def refuse(*_: object) -> None:
        fault = ReadOnly("cannot execute INSERT in a read-only transaction")
        fault.sqlstate = sqlstate  # type: ignore[attr-defined]
        raise InternalError("INSERT", {}, fault)

    with monkeypatch.context() as patched:
        patched.setattr(module, "_advance", refuse)
        for _ in range(2):
            with pytest.raises(InternalError):
                ingest(directory)
    assert not (directory / REFUSED).exists()
    assert ingest(directory) == 2
    journal.close()


def test_record_larger_than_a_read_is_stored(journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_READ_BYTES", 1000)
    for number in range(4):
        journal.append(end(NOW + number), b"x" * 5000 * number)
    assert ingest(tmp_path / "journal") == 4
    journal.close()


def test_ingester_that_comes_late_stores_nothing_again(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its positions are from before another one moved the records, so it leaves the journal to its next turn."""
    journal.append(end(NOW))
    known = module._known()
    assert ingest(tmp_path / "journal") == 1
    journal.append(end(NOW + 1))
    with monkeypatch.context() as patched:
        patched.setattr(module, "_known", lambda: known)
        assert ingest(tmp_path / "journal") == 0
    assert ingest(tmp_path / "journal") == 1
    assert len(requests()) == served() == 2
    journal.close()


def test_late_ingester_leaves_the_journal_that_another_has_finished(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append(end(NOW))
    journal.close()
    found = module.journals(tmp_path / "journal")
    assert ingest(tmp_path / "journal") == 1
    monkeypatch.setattr(module, "journals", lambda _: found)
    assert ingest(tmp_path / "journal") == 0
    assert positions() == {}


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_two_ingesters_at_the_same_time_count_once(
    app: Flask, journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "journal"
    journal.append(end(NOW, session_id="s-1"))
    write, is_written, goes_on = module.write, Event(), Event()

    def write_and_wait(*args: Any) -> None:
        write(*args)
        is_written.set()
        assert goes_on.wait(20)

    def in_a_thread() -> Thread:
        def inside() -> None:
            with app.app_context():
                ingest(directory)

        thread = Thread(target=inside)
        thread.start()
        return thread

    monkeypatch.setattr(module, "write", write_and_wait)
    first = in_a_thread()
    assert is_written.wait(20)
    monkeypatch.setattr(module, "write", write)
    second = in_a_thread()
    eventually(lambda: waiting_for_a_lock() == 1)
    goes_on.set()
    first.join()
    second.join()
    assert len(requests()) == served() == 1
    check_sums()
    journal.close()
