"""Move journals into the database: one ingester per data directory, in batches, each record exactly once."""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import String, bindparam, delete, select, text, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.access.models import ClientKey
from app.accounts.models import Account
from app.clock import now_ms
from app.db import insert_new, reading, transaction, upsert
from app.usage.feed import note_changes
from app.usage.journal import Entry, decode, is_abandoned, journals, worker_of
from app.usage.ledger import Ledger, counted
from app.usage.models import RUNNING, Attempt, JournalPosition, Payload, Request
from app.usage.prices import overrides
from app.usage.pricing import Cost, Rates, price
from app.usage.recorder import START
from app.usage.rollup import Row
from app.values import Tokens

REFUSED = "refused"
"""The file beside the journals that keeps records which cannot be stored."""

_READ_BYTES = 4 * 1024 * 1024
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

    Call inside an app context, with the directory's ingest lock held, off the event loop.
    """
    with reading() as session:
        positions = {
            name: offset for name, offset in session.execute(select(JournalPosition.journal, JournalPosition.offset))
        }
    stored = 0
    for path in journals(directory):
        stored += _ingest_one(path, positions.get(path.name, 0))
    return stored


def _ingest_one(path: Path, offset: int) -> int:
    abandoned = is_abandoned(path)
    stored = 0
    while True:
        with open(path, "rb") as handle:
            handle.seek(offset)
            data = handle.read(_READ_BYTES)
            if data and not any(True for _ in decode(data)):
                data += handle.read()  # One frame may be larger than a read.
        entries = list(decode(data, offset))
        if not entries:
            break
        stored += _store_at(path, data, offset, entries)
        offset = entries[-1].end
    if abandoned:
        _retire(path, offset, torn=bool(data))
    return stored


def _store_at(path: Path, data: bytes, offset: int, entries: list[Entry]) -> int:
    """Store what `data`, at this offset of a journal, holds; set aside what no database takes. Return the number."""
    end = entries[-1].end
    try:
        with transaction() as session:
            store(session, entries)
            _advance(session, path, end)
        return len(entries)
    except OperationalError:
        raise  # The database is locked or away: all of it waits.
    except (SQLAlchemyError, ArithmeticError, ValueError, TypeError, LookupError) as exc:
        if len(entries) == 1:
            log.error("a record at byte %d of %s cannot be stored and is set aside: %s", offset, path.name, exc)
            with open(path.parent / REFUSED, "ab") as handle:
                handle.write(data[: end - offset])
            with transaction() as session:
                _advance(session, path, end)
            return 0
    stored = 0
    begin = offset
    for entry in decode(data[: end - offset], offset):
        stored += _store_at(path, data[begin - offset : entry.end - offset], begin, [entry])
        begin = entry.end
    return stored


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
    cut = list(session.execute(running).scalars())
    if not cut:
        return
    for begin in range(0, len(cut), _CHUNK):
        session.execute(
            update(Request)
            .where(Request.id.in_(cut[begin : begin + _CHUNK]))
            .values(outcome="cut_by_shutdown", error="the worker ended before the request did", ended_at=now_ms())
        )
    ledger = Ledger()
    for row in counted(session, cut):
        ledger.count(row)
    ledger.write(session)
    note_changes(session, cut)


def store(session: Session, entries: Iterable[Entry]) -> None:
    """Write records to the database within the caller's transaction."""
    prices = overrides(session)
    starts: dict[int, dict[str, Any]] = {}
    rows: dict[int, dict[str, Any]] = {}
    attempts: list[dict[str, Any]] = []
    payloads: list[dict[str, Any]] = []
    for entry in entries:
        head = entry.head
        kind = head.pop("kind")
        if kind == START:
            starts[head["id"]] = _fit(head)
            continue
        starts.pop(head["id"], None)
        request_id = head["id"]
        tries = head.pop("attempts")
        attempts += [{"request_id": request_id, "position": at, **_fit(one)} for at, one in enumerate(tries)]
        if entry.blob:
            payloads.append(
                {"request_id": request_id, "at": head["started_at"], "size": len(entry.blob), "content": entry.blob}
            )
        rows[request_id] = request_row(head, len(tries), prices)
    if starts:
        running = [_RUNNING | head | {"model_used": head["model"]} for head in starts.values()]
        insert_new(session, Request, running, ["id"])
    before = counted(session, rows)
    if rows:
        upsert(session, Request, list(rows.values()), ["id"])
    if attempts:
        upsert(session, Attempt, attempts, ["request_id", "position"])
    if payloads:
        upsert(session, Payload, payloads, ["request_id"])
    if rows:
        _add_up(session, rows, before)
    note_changes(session, [*starts, *rows])


def _add_up(session: Session, rows: Mapping[int, dict[str, Any]], before: Sequence[Row]) -> None:
    """Bring all sums in line with the rows. `before`: those that were written over, as they were."""
    ledger = Ledger()
    for row in before:
        ledger.count(row, -1)
    for row in rows.values():
        ledger.count(row)
    ledger.write(session)
    again = {row["id"] for row in before}
    _count(session, [row for request_id, row in rows.items() if request_id not in again])


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
    for name, value in row.items():
        if type(value) is str and (len(value) > _MOST_CHARS.get(name, _LONG_TEXT) or "\0" in value):
            row[name] = value.replace("\0", "\ufffd")[: _MOST_CHARS.get(name, _LONG_TEXT)]
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
