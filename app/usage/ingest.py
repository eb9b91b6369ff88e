"""Move journals into the database: one ingester per data directory, in batches, each record exactly once."""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import String, bindparam, delete, select, text, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.access.models import ClientKey
from app.accounts.models import Account
from app.clock import now_ms
from app.db import breathe, insert_new, offload, reading, transaction, upsert
from app.usage.feed import note_changes
from app.usage.journal import Entry, decode, is_abandoned, journals, worker_of
from app.usage.ledger import Ledger, counted
from app.usage.models import RUNNING, Attempt, JournalPosition, Payload, Request
from app.usage.prices import overrides
from app.usage.pricing import Cost, Rates, price
from app.usage.recorder import START
from app.values import Tokens, first_id

REFUSED = "refused"
"""The file beside the journals that keeps records which cannot be stored."""

_READ_BYTES = 1024 * 1024
_AT_ONCE = 500
"""How many records one transaction stores: others wait for the database meanwhile."""
_A_FEW = 10
"""How many records the event loop prepares in one turn."""
_CHUNK = 500
_LONG_TEXT = 10_000
TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "web_searches",
)
"""The columns of a request's tokens, in the order of `Tokens`."""
COSTS = (
    *("input_cost", "output_cost", "cache_read_cost", "cache_write_5m_cost", "cache_write_1h_cost"),
    *("web_search_cost", "cost", "price_version"),
)
"""The columns of a request's cost."""

log = logging.getLogger(__name__)


def ingest(directory: Path) -> int:
    """Store what the journals of `directory` hold beyond their known positions; return the number of records.

    Call inside an app context, with the directory's ingest lock held. On an event loop only what the database does
    goes to a native thread: Python on two threads costs several times what it costs on one.
    """
    positions, prices = offload(_known)
    stored = 0
    for path in journals(directory):
        stored += _ingest_one(path, positions.get(path.name, 0), prices)
    return stored


def _known() -> tuple[dict[str, int], dict[str, Rates]]:
    with reading() as session:
        read = session.connection().execute(select(JournalPosition.journal, JournalPosition.offset))
        return {name: offset for name, offset in read}, overrides(session)


def _ingest_one(path: Path, offset: int, prices: Mapping[str, Rates]) -> int:
    abandoned = is_abandoned(path)
    stored = 0
    while True:
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
        offload(_retire, path, offset, torn=bool(data))
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
        offload(_commit, path, end, _prepared(_calmly(entries), prices))
        return len(entries)
    except OperationalError:
        raise  # The database is locked or away: all of it waits.
    except (SQLAlchemyError, ArithmeticError, ValueError, TypeError, LookupError) as exc:
        if len(entries) == 1:
            log.error("a record at byte %d of %s cannot be stored and is set aside: %s", offset, path.name, exc)
            with open(path.parent / REFUSED, "ab") as handle:
                handle.write(data[: end - offset])
            offload(_commit, path, end)
            return 0
    stored = 0
    begin = offset
    for entry in decode(data[: end - offset], offset):
        stored += _store_at(path, data[begin - offset : entry.end - offset], begin, [entry], prices)
        begin = entry.end
    return stored


def _commit(path: Path, offset: int, batch: "_Batch | None" = None) -> None:
    with transaction() as session:
        if batch is not None:
            _write(session, batch)
        _advance(session, path, offset)


def _advance(session: Session, path: Path, offset: int) -> None:
    upsert(session, JournalPosition, [{"journal": path.name, "offset": offset}], ["journal"])


def _retire(path: Path, offset: int, *, torn: bool) -> None:
    """Remove the journal of a worker that is gone, and close what it left running."""
    if torn:
        log.warning("journal %s ends in a torn record at byte %d; what is behind it is dropped", path.name, offset)
    worker = worker_of(path)
    if not any(worker_of(other) == worker for other in journals(path.parent) if other != path):
        with transaction() as session:
            _close_running(session, worker)
    path.unlink()
    with transaction() as session:
        session.execute(delete(JournalPosition).where(JournalPosition.journal == path.name))


def _close_running(session: Session, worker: str) -> None:
    """End the requests that a dead worker left running, and add them to the sums."""
    running = select(Request.id).where(text(RUNNING), Request.worker == worker)
    _cut(session, list(session.execute(running).scalars()), "the worker ended before the request did")


def close_lost(session: Session, before: int, limit: int) -> int:
    """End some requests that began before a time and never ended: their journal is lost, with the machine's power say.

    Should the end of one come after all, it replaces this one.
    """
    lost = select(Request.id).where(text(RUNNING), Request.id < first_id(before)).limit(limit)
    ids = list(session.execute(lost).scalars())
    _cut(session, ids, "its end was never recorded")
    return len(ids)


def _cut(session: Session, ids: list[int], error: str) -> None:
    for begin in range(0, len(ids), _CHUNK):
        session.execute(
            update(Request)
            .where(Request.id.in_(ids[begin : begin + _CHUNK]))
            .values(outcome="cut_by_shutdown", error=error, ended_at=now_ms())
        )
    ledger = Ledger()
    for row in counted(session, ids):
        ledger.count(row)
    ledger.write(session)
    note_changes(session, ids)


@dataclass(slots=True)
class _Batch:
    """Some records as rows, and what they change in the sums if none of them is there yet."""

    starts: dict[int, dict[str, Any]] = field(default_factory=dict)
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    payloads: list[dict[str, Any]] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)


def store(session: Session, entries: Iterable[Entry]) -> None:
    """Write records to the database within the caller's transaction."""
    _write(session, _prepared(entries, overrides(session)))


def _prepared(entries: Iterable[Entry], prices: Mapping[str, Rates]) -> _Batch:
    """Make rows of records. The last record of a request counts."""
    batch = _Batch()
    for entry in entries:
        head = entry.head
        request_id = head["id"]
        if head.pop("kind") == START:
            batch.starts[request_id] = _RUNNING | _fit(head) | {"model_used": head["model"]}
            continue
        batch.starts.pop(request_id, None)
        tries = head.pop("attempts")
        for position, one in enumerate(tries):
            batch.attempts.append({"request_id": request_id, "position": position, **_fit(one)})
        if entry.blob:
            size = len(entry.blob)
            batch.payloads.append(
                {"request_id": request_id, "at": head["started_at"], "size": size, "content": entry.blob}
            )
        row = request_row(head, len(tries), prices)
        if request_id in batch.rows:
            batch.ledger.count(batch.rows[request_id], -1)
        batch.ledger.count(row)
        batch.rows[request_id] = row
    return batch


def _write(session: Session, batch: _Batch) -> None:
    rows = batch.rows
    if batch.starts:
        insert_new(session, Request, list(batch.starts.values()), ["id"])
    if rows:
        before = counted(session, rows)
        upsert(session, Request, list(rows.values()), ["id"])
        if batch.attempts:
            upsert(session, Attempt, batch.attempts, ["request_id", "position"])
        if batch.payloads:
            upsert(session, Payload, batch.payloads, ["request_id"])
        for row in before:
            batch.ledger.count(row, -1)
        batch.ledger.write(session)
        again = {row["id"] for row in before}
        _count(session, [row for request_id, row in rows.items() if request_id not in again])
    note_changes(session, [*batch.starts, *rows])


_DEFAULTS: dict[str, Any] = {
    column.name: (False if column.name in ("stream", "is_partial", "is_synthetic") else None)
    for column in Request.__table__.columns
} | {"attempts": 0}
_RUNNING = {name: _DEFAULTS[name] for name in ("attempts", "is_partial", "is_synthetic")}


def request_row(head: dict[str, Any], attempts: int, prices: Mapping[str, Rates] | None = None) -> dict[str, Any]:
    """Turn the head of a final record into the columns of its row: speed and cost are computed here.

    `prices`: what the operator entered.
    """
    row = _DEFAULTS | head
    tokens = Tokens(*row.pop("tokens", ()))
    last_token_at = row.pop("last_token_at", None)
    row.update(zip(TOKENS, _counts(tokens), strict=True))
    row["attempts"] = attempts
    for name in ("refused", "losses"):
        if row[name] is not None:
            row[name] = json.dumps(row[name])
    row["tokens_per_s"] = _speed(tokens.output, row["first_token_at"], last_token_at)
    _fit(row)
    model = row["model_used"] = row["model_served"] or row["model"]
    if model and tokens.is_known:
        row.update(cost_columns(price(model, tokens, row["started_at"], overrides=prices)))
    return row


_MOST_CHARS = {
    column.name: getattr(column.type, "length", None) or _LONG_TEXT
    for model in (Request, Attempt)
    for column in model.__table__.columns
    if isinstance(column.type, String)
}


def _fit(row: dict[str, Any]) -> dict[str, Any]:
    """Make texts from outside fit their columns: PostgreSQL takes neither longer ones nor any with a NUL."""
    for name, most in _MOST_CHARS.items():
        value = row.get(name)
        if value is not None and (len(value) > most or "\0" in value):
            row[name] = value.replace("\0", "\ufffd")[:most]
    return row


def _counts(tokens: Tokens) -> tuple[int | None, ...]:
    return (
        tokens.input,
        tokens.output,
        tokens.cache_read,
        tokens.cache_write_5m,
        tokens.cache_write_1h,
        tokens.web_searches,
    )


def cost_columns(cost: Cost | None) -> dict[str, Any]:
    """Return what a request's row says of its cost; nothing when there is no price at all."""
    if cost is None:
        return {}
    return {
        "input_cost": cost.input,
        "output_cost": cost.output,
        "cache_read_cost": cost.cache_read,
        "cache_write_5m_cost": cost.cache_write_5m,
        "cache_write_1h_cost": cost.cache_write_1h,
        "web_search_cost": cost.web_search,
        "cost": cost.total,
        "price_version": cost.price_version,
    }


def _speed(output: int | None, first_at: int | None, last_at: int | None) -> float | None:
    """Tokens per second between the first and the last token; unknown for answers without a measurable span."""
    if output is None or first_at is None or last_at is None or last_at <= first_at:
        return None
    return output * 1000 / (last_at - first_at)


def _count(session: Session, rows: Iterable[dict[str, Any]]) -> None:
    """Advance the counters of accounts and keys."""
    served: Counter[int] = Counter()
    last: dict[int, int] = {}
    keys: dict[str, int] = {}
    for row in rows:
        if row["account_id"] is not None and not row["is_synthetic"]:
            served[row["account_id"]] += 1
            last[row["account_id"]] = max(last.get(row["account_id"], 0), row["started_at"])
        if row["key_id"] is not None:
            keys[row["key_id"]] = max(keys.get(row["key_id"], 0), row["started_at"])
    connection = session.connection()
    if served:
        counts = [{"key": one, "number": number, "at": last[one]} for one, number in served.items()]
        connection.execute(_COUNT_ACCOUNT, counts)
    if keys:
        connection.execute(_USE_KEY, [{"key": one, "at": at} for one, at in keys.items()])


_COUNT_ACCOUNT = (
    update(Account)
    .where(Account.id == bindparam("key"))
    .values(request_count=Account.request_count + bindparam("number"), last_used_at=bindparam("at"))
)
_USE_KEY = update(ClientKey).where(ClientKey.id == bindparam("key")).values(last_used_at=bindparam("at"))
