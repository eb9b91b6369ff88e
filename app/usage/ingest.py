"""Move journals into the database: one ingester per data directory, in batches, each record exactly once."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.clock import now_ms
from app.db import breathe, is_away, offload, reading, transaction
from app.upserts import insert_new, upsert
from app.usage.journal import Entry, decode, is_abandoned, journals, worker_of
from app.usage.models import JournalPosition
from app.usage.prices import overrides
from app.usage.pricing import Rates
from app.usage.storing import Batch, close_running, prepared, store, write

REFUSED = "refused"
"""The file beside the journals that keeps records which cannot be stored."""

_READ_BYTES = 1024 * 1024
_AT_ONCE = 500
"""How many records one transaction stores: others wait for the database meanwhile."""
_A_FEW = 10
"""How many records the event loop prepares in one turn."""

log = logging.getLogger(__name__)


class _Overtaken(Exception):
    """Another ingester has moved this journal since its position was read."""


def ingest(directory: Path) -> int:
    """Store what the journals of `directory` hold beyond their known positions; return the number of records.

    Call inside an app context, with the directory's ingest lock held. On an event loop only what the database does
    goes to a native thread: Python on two threads costs several times what it costs on one.
    """
    positions, prices = offload(_known)
    stored = 0
    for path in journals(directory):
        try:
            stored += _ingest_one(path, positions.get(path.name, 0), prices)
        except (_Overtaken, FileNotFoundError):
            continue  # What is left of it, if anything, is for the next turn.
    return stored


def _known() -> tuple[dict[str, int], dict[str, Rates]]:
    with reading() as session:
        read = session.connection().execute(select(JournalPosition.journal, JournalPosition.offset))
        return {name: offset for name, offset in read}, overrides(session)


def _ingest_one(path: Path, offset: int, prices: Mapping[str, Rates]) -> int:
    abandoned = is_abandoned(path)
    # What comes from now on waits for the next turn: to run after it would make many small batches, which cost most.
    size = path.stat().st_size
    stored = 0
    while offset < size:
        with open(path, "rb") as handle:
            handle.seek(offset)
            data = handle.read(_READ_BYTES)
            if data and not any(True for _ in decode(data)):
                data += handle.read()  # One frame may be larger than a read.
        entries = list(_calmly(islice(decode(data, offset), _AT_ONCE)))
        if not entries:
            break
        stored += _store_at(path, data, offset, entries, prices)
        offset = entries[-1].end
    if abandoned:
        offload(_retire, path, offset, torn=offset < size)
    return stored


def _calmly(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Pass records on; the event loop gets its turns meanwhile."""
    for number, entry in enumerate(entries, 1):
        yield entry
        if number % _A_FEW == 0:
            breathe()


def _store_at(path: Path, data: bytes, offset: int, entries: list[Entry], prices: Mapping[str, Rates]) -> int:
    """Store what `data`, at this offset of a journal, holds; set aside what no database takes. Return the number."""
    end = entries[-1].end
    try:
        offload(_commit, path, offset, end, prepared(_calmly(entries), prices))
        return len(entries)
    except (SQLAlchemyError, ArithmeticError, ValueError, TypeError, LookupError) as exc:
        if is_away(exc):
            raise  # All of it waits.
        if len(entries) == 1:
            # Passed over first: where that fails too, the database is at fault, and the record comes again.
            offload(_commit, path, offset, end)
            log.error("a record at byte %d of %s cannot be stored and is set aside: %s", offset, path.name, exc)
            with open(path.parent / REFUSED, "ab") as handle:
                handle.write(data[: end - offset])
            return 0
    stored = 0
    begin = offset
    for entry in decode(data[: end - offset], offset):
        stored += _store_at(path, data[begin - offset : entry.end - offset], begin, [entry], prices)
        begin = entry.end
    return stored


def _commit(path: Path, begin: int, end: int, batch: Batch | None = None) -> None:
    with transaction() as session:
        if _held(session, path) != begin:
            raise _Overtaken
        if batch is not None:
            write(session, batch)
        _advance(session, path, end)


def _held(session: Session, path: Path) -> int:
    """Return how far a journal is read; of several ingesters the others wait here until the transaction ends."""
    position = select(JournalPosition.offset).where(JournalPosition.journal == path.name).with_for_update()
    offset = session.execute(position).scalar()
    if offset is None:
        insert_new(session, JournalPosition, [{"journal": path.name, "offset": 0}], ["journal"])
        offset = session.execute(position).scalar()
    return offset or 0


def _advance(session: Session, path: Path, offset: int) -> None:
    upsert(session, JournalPosition, [{"journal": path.name, "offset": offset}], ["journal"])


def _retire(path: Path, offset: int, *, torn: bool) -> None:
    """Remove the journal of a worker that is gone, and close what it left running."""
    if torn:
        log.warning("journal %s ends in a torn record at byte %d; what is behind it is dropped", path.name, offset)
    worker = worker_of(path)
    if not any(worker_of(other) == worker for other in journals(path.parent) if other != path):
        with transaction() as session:
            close_running(session, worker, min(now_ms(), path.stat().st_mtime_ns // 1_000_000))
    path.unlink()
    with transaction() as session:
        session.execute(delete(JournalPosition).where(JournalPosition.journal == path.name))


def store_refused(frames: list[bytes], worker: str) -> None:
    """Store records that the disk of the journals refused to the end of their worker. Call inside an app context."""
    stored = 0
    try:
        for begin in range(0, len(frames), _AT_ONCE):
            stored += _store_frames(frames[begin : begin + _AT_ONCE])
        with transaction() as session:
            close_running(session, worker, now_ms())
    except SQLAlchemyError as exc:
        log.error("the database takes no records either: %s", exc)
    if stored < len(frames):
        log.error("%d records are lost: neither their journal nor the database took them", len(frames) - stored)


def _store_frames(frames: list[bytes]) -> int:
    """Store records, singly where one of them is refused; return how many are in."""
    try:
        with transaction() as session:
            store(session, [entry for frame in frames for entry in decode(frame)])
        return len(frames)
    except (SQLAlchemyError, ArithmeticError, ValueError, TypeError, LookupError) as exc:
        if is_away(exc):
            raise
        if len(frames) == 1:
            log.error("a record cannot be stored: %s", exc)
            return 0
    return sum(_store_frames([frame]) for frame in frames)
