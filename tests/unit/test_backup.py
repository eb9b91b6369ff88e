import fcntl
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app import backup as room
from app.audit import SYSTEM, AuditEntry
from app.backup import backup, restore
from app.db import db, reading
from app.errors import Conflict, InvalidInput, NotFound
from app.factory import create_app
from app.runtime import runtime
from app.usage.models import Request
from config import Settings
from tests.unit.usage.records import NOW, check_sums, end, put, start


def ids() -> list[int]:
    with reading() as session:
        return list(session.execute(select(Request.id).order_by(Request.id)).scalars())


@pytest.fixture
def copy(app: Flask, tmp_path: Path) -> Path:
    put(*(end(NOW + at, session_id="s") for at in range(50)))
    made = backup(runtime(), tmp_path / "copy.db", SYSTEM)
    assert made.requests == 50
    assert made.keys.endswith("encryption.keys")
    return tmp_path / "copy.db"


def test_restored_database_is_the_one_that_was_backed_up(app: Flask, copy: Path) -> None:
    before = ids()
    put(*(end(NOW + 1000 + at) for at in range(10)))
    done = restore(runtime(), copy, SYSTEM)
    assert ids() == before
    assert done.requests == 50
    check_sums()
    with reading() as session:
        assert "database.restore" in session.execute(select(AuditEntry.action)).scalars().all()
    assert done.kept is not None
    with closing(sqlite3.connect(done.kept)) as kept:
        assert kept.execute("SELECT count(*) FROM requests").fetchone() == (60,)


def test_what_ran_when_the_backup_was_made_is_closed(app: Flask, tmp_path: Path) -> None:
    running = end(NOW)
    put(start(running))
    backup(runtime(), tmp_path / "copy.db", SYSTEM)
    restore(runtime(), tmp_path / "copy.db", SYSTEM)
    with reading() as session:
        row = session.execute(select(Request)).scalar_one()
        assert (row.outcome, row.ended_at) == ("cut_by_shutdown", None)
    check_sums()
    put(running)
    with reading() as session:
        assert session.execute(select(Request.outcome)).scalar_one() == "complete", "its record came after all"
    check_sums()


def test_copy_is_one_file_that_only_its_owner_reads(copy: Path) -> None:
    assert copy.stat().st_mode & 0o077 == 0
    assert {path.name for path in copy.parent.iterdir() if "copy" in path.name} == {"copy.db"}


def test_writes_meanwhile_neither_stop_nor_enter_the_copy(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(*(end(NOW + at, error="x" * 2000) for at in range(500)))
    monkeypatch.setattr(room, "_PAGES", 10)
    steps = []

    def write(share: float) -> None:
        steps.append(share)
        put(end(NOW + 10_000 + len(steps)))

    made = backup(runtime(), tmp_path / "copy.db", SYSTEM, write)
    assert made.requests == 500
    assert len(ids()) == 500 + len(steps)
    assert len(steps) > 10
    assert steps == sorted(steps), "the copy never began anew"


def test_present_file_is_not_written_over(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    with pytest.raises(Conflict):
        backup(runtime(), tmp_path / "there", SYSTEM)
    assert (tmp_path / "there").read_text() == "mine"
    with pytest.raises(InvalidInput, match="cannot be written"):
        backup(runtime(), tmp_path / "no folder" / "copy.db", SYSTEM)


def test_nothing_is_restored_while_a_server_runs(app: Flask, copy: Path) -> None:
    run = runtime()
    run.journal_dir.mkdir(exist_ok=True)
    with open(run.journal_dir / "ingest.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="Stop it"):
            restore(run, copy, SYSTEM)
    assert len(ids()) == 50


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for at in range(8192, len(data) - 4096, 4096):
        data[at : at + 200] = b"\xff" * 200
    path.write_bytes(data)


def unsign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as one, one:
        one.execute("DELETE FROM sealed_secrets WHERE name = 'canary'")


def age(path: Path) -> None:
    with closing(sqlite3.connect(path)) as one, one:
        one.execute("UPDATE alembic_version SET version_num = '9999'")


def other_keys(path: Path) -> None:
    folder = path.parent / "other"
    app = create_app(Settings.load({"CCFLARE_DATA_DIR": str(folder)}))
    path.unlink()
    with app.app_context():
        backup(runtime(), path, SYSTEM)
        db.engine.dispose()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (damage, "damaged|no backup"),
        (unsign, "canary"),
        (age, "newer version"),
        (other_keys, "other encryption keys"),
        (lambda path: path.write_text("no database, but quite long enough to look at" * 100), "no backup"),
        (lambda path: path.write_bytes(b""), "no backup"),
    ],
    ids=["damaged", "no canary", "newer", "other keys", "text", "empty"],
)
def test_bad_backup_is_refused_and_changes_nothing(app: Flask, copy: Path, spoil: object, told: str) -> None:
    assert callable(spoil)
    spoil(copy)
    before = ids()
    with pytest.raises(InvalidInput, match=told):
        restore(runtime(), copy, SYSTEM)
    assert ids() == before


def test_missing_file_is_not_found(app: Flask, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        restore(runtime(), tmp_path / "none", SYSTEM)


def test_postgres_has_tools_of_its_own(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db.engine.dialect, "name", "postgresql")
    with pytest.raises(InvalidInput, match="pg_dump"):
        backup(runtime(), tmp_path / "copy.db", SYSTEM)
