"""A copy of the database while the server runs, and the way back; both are verified before they count."""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from app.audit import Actor, note
from app.clock import now_ms
from app.db import SCHEMA_REVISION, db, transaction
from app.errors import Conflict, InvalidInput, NotFound
from app.installation import place
from app.runtime import Runtime
from app.usage.storing import close_restored
from app.vault import Vault, VaultError
from config import Settings

_PAGES = 4000
_CANARY = "canary"

Progress = Callable[[float], None]
"""Called with the share that is done (0-1)."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A verified copy. `keys`: where the encryption keys are that it cannot be opened without."""

    path: str
    size_bytes: int
    requests: int
    revision: str
    took_ms: int
    keys: str


@dataclass(frozen=True, slots=True)
class Restored:
    """What is in place now, and where the database that was there before went; None: there was none."""

    path: str
    requests: int
    revision: str
    kept: str | None


def backup(run: Runtime, target: Path, actor: Actor, progress: Progress | None = None) -> Backup:
    """Copy the database as it is at this moment to a new file, and verify the copy.

    Readers and writers go on meanwhile; what is only in the journals yet (a second's worth) is not in it. Raises
    Conflict, or InvalidInput for PostgreSQL. Call inside an app context, in a process without an event loop.
    """
    source = _database_file()
    if target.exists():
        raise Conflict(f"{target} is there already. Give another name, or remove it.")
    begun = monotonic()
    draft = target.with_name(f".{target.name}.part")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        _copy(source, draft, progress)
        requests, revision = _verified(draft, run.vault)
        draft.replace(target)
    except OSError as exc:
        raise InvalidInput.field("file", f"{target} cannot be written: {exc.strerror}") from exc
    finally:
        draft.unlink(missing_ok=True)
    with transaction() as session:
        note(session, actor, "database.backup", target.name)
    took_ms = round((monotonic() - begun) * 1000)
    return Backup(str(target), target.stat().st_size, requests, revision, took_ms, keys_place(run.settings))


def restore(run: Runtime, source: Path, actor: Actor) -> Restored:
    """Put a verified backup in the place of the database, which is kept beside it. The server must not run.

    Raises NotFound, Conflict while a server runs, or InvalidInput when the file is no backup of this installation.
    Call inside an app context, in a process without an event loop; the process should end then.
    """
    path = _database_file()
    if not source.is_file():
        raise NotFound(f"There is no file {source}.")
    requests, revision = _verified(source, run.vault)
    with _alone(run.journal_dir):
        db.engine.dispose()
        draft = path.with_name(f".{path.name}.part")
        try:
            _copy(source, draft, None)
            draft.chmod(0o600)
            _verified(draft, run.vault)
            kept = _put_aside(path)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        if revision == SCHEMA_REVISION:
            with transaction() as session:
                close_restored(session)
                note(session, actor, "database.restore", source.name)
            db.engine.dispose()
    return Restored(str(path), requests, revision, None if kept is None else str(kept))


def keys_place(settings: Settings) -> str:
    """Return where the encryption keys are, for people."""
    if settings.encryption_keys:
        return "CCFLARE_ENCRYPTION_KEYS"
    return str(settings.encryption_keys_file or settings.data_dir / "encryption.keys")


def _database_file() -> Path:
    url = db.engine.url
    if db.engine.dialect.name != "sqlite" or not url.database:
        raise InvalidInput(
            "This is for SQLite. Back up PostgreSQL with `pg_dump --format=custom --file=FILE DATABASE_URL` and put it "
            "back with `pg_restore --clean --if-exists --dbname=DATABASE_URL FILE`; keep the encryption keys with it."
        )
    return Path(url.database)


def _copy(source: Path, target: Path, progress: Progress | None) -> None:
    def tell(_status: int, left: int, total: int) -> None:
        if progress is not None and total:
            progress(1 - left / total)

    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)) as old,
        closing(sqlite3.connect(target, isolation_level=None)) as new,
    ):
        # An open read transaction holds the snapshot: without it every write of the server would begin the copy anew.
        old.execute("BEGIN")
        old.execute("SELECT count(*) FROM sqlite_master").fetchone()
        old.backup(new, pages=_PAGES, progress=tell)
        new.execute("PRAGMA journal_mode=DELETE")
    with open(target, "rb") as handle:
        os.fsync(handle.fileno())


def _verified(path: Path, vault: Vault) -> tuple[int, str]:
    """Return the number of requests and the revision of a copy. Raises InvalidInput for what is damaged or foreign."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as copy:
            faults = [row[0] for row in copy.execute("PRAGMA quick_check(3)") if row[0] != "ok"]
            if faults:
                raise InvalidInput.field("file", f"{path.name} is damaged: {'; '.join(faults)}")
            revision = copy.execute("SELECT version_num FROM alembic_version").fetchone()
            canary = copy.execute("SELECT content FROM sealed_secrets WHERE name = ?", (_CANARY,)).fetchone()
            requests: int = copy.execute("SELECT count(*) FROM requests").fetchone()[0]
    except sqlite3.DatabaseError as exc:
        raise InvalidInput.field("file", f"{path.name} is no backup of ccflare: {exc}") from exc
    if revision is None or canary is None:
        raise InvalidInput.field("file", f"{path.name} is no complete backup: its revision or its canary is missing")
    if revision[0] > SCHEMA_REVISION:
        raise InvalidInput.field("file", f"{path.name} was written by a newer version (revision {revision[0]})")
    try:
        vault.open(canary[0], place(_CANARY))
    except VaultError as exc:
        raise InvalidInput.field(
            "file", f"{path.name} was written with other encryption keys; put those in place first, then restore"
        ) from exc
    return requests, str(revision[0])


def _put_aside(path: Path) -> Path | None:
    """Rename the present database, its log merged into it."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as present:
            present.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.DatabaseError:
        pass  # It is damaged, which may be why a backup is restored: it is kept with its log as it is.
    kept = path.with_name(f"{path.name}.before-restore-{now_ms()}")
    path.replace(kept)
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            shutil.move(beside, kept.with_name(kept.name + suffix))
    return kept


@contextmanager
def _alone(journals: Path) -> Iterator[None]:
    """Hold the lock that a running server's ingester holds. Raises Conflict when there is one."""
    journals.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(journals / "ingest.lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("A server uses this database. Stop it, restore, and start it again.") from None
        yield
