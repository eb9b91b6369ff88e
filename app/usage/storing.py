"""Records as rows in the database: each exactly once, with everything that is added up beside them."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import String, bindparam, case, select, text, update
from sqlalchemy.orm import Session

from app.access.models import ClientKey
from app.accounts.models import Account
from app.upserts import insert_new, upsert
from app.usage.feed import note_changes
from app.usage.journal import Entry
from app.usage.ledger import Ledger, counted
from app.usage.models import RUNNING, Attempt, Payload, Request
from app.usage.prices import overrides
from app.usage.pricing import Cost, Rates, price
from app.usage.recorder import START
from app.usage.rollup import CLASS_COSTS, CLASS_TOKENS
from app.values import Tokens, first_id

_CHUNK = 500
_LONG_TEXT = 10_000
_LISTED_TEXT = 500
"""Characters of one text in a column that holds a list."""
_LISTS = ("refused", "losses")
"""The columns that hold a list as JSON."""
TOKENS = (*CLASS_TOKENS, "web_searches")
"""The columns of a request's tokens, in the order of `Tokens`."""
COSTS = (*CLASS_COSTS, "cost", "price_version")
"""The columns of a request's cost."""


@dataclass(slots=True)
class Batch:
    """Some records as rows, and what they change in the sums if none of them is there yet."""

    starts: dict[int, dict[str, Any]] = field(default_factory=dict)
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    payloads: list[dict[str, Any]] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)


def store(session: Session, entries: Iterable[Entry]) -> None:
    """Write records to the database within the caller's transaction."""
    write(session, prepared(entries, overrides(session)))


def prepared(entries: Iterable[Entry], prices: Mapping[str, Rates]) -> Batch:
    """Make rows of records. The last record of a request counts."""
    batch = Batch()
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


def write(session: Session, batch: Batch) -> None:
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
    row.update(zip(TOKENS, tokens.counts, strict=True))
    row["attempts"] = attempts
    for name in _LISTS:
        if row[name] is not None:
            row[name] = _listed(row[name])
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
    if isinstance(column.type, String) and column.name not in _LISTS
}


def _listed(parts: Iterable[Any]) -> str:
    """Return a list as JSON no longer than a long text: long texts in it are cut, parts beyond are left out."""
    kept: list[str] = []
    left = _LONG_TEXT - len("[]")
    for part in parts:
        written = json.dumps([_shortened(one) for one in part] if isinstance(part, list) else _shortened(part))
        left -= len(written) + len(", ")
        if left < 0:
            break
        kept.append(written)
    return f"[{', '.join(kept)}]"


def _shortened(value: Any) -> Any:
    return value[:_LISTED_TEXT] if isinstance(value, str) else value


def _fit(row: dict[str, Any]) -> dict[str, Any]:
    """Make texts from outside fit their columns: PostgreSQL takes neither longer ones nor any with a NUL."""
    for name, most in _MOST_CHARS.items():
        value = row.get(name)
        if value is not None and (len(value) > most or "\0" in value):
            row[name] = value.replace("\0", "\ufffd")[:most]
    return row


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


def close_running(session: Session, worker: str, alive_at: int) -> None:
    """End the requests that a dead worker left running, and add them to the sums.

    `alive_at`: when it was last known to live, which is as near to their end as can be told.
    """
    running = select(Request.id).where(text(RUNNING), Request.worker == worker)
    _cut(session, list(session.execute(running).scalars()), "the worker ended before the request did", alive_at)


def close_restored(session: Session) -> None:
    """End the requests that ran when the database was copied which is in place now."""
    running = select(Request.id).where(text(RUNNING))
    _cut(session, list(session.execute(running).scalars()), "it ran when the restored backup was made")


def close_lost(session: Session, before: int, limit: int) -> int:
    """End some requests that began before a time and never ended: their journal is lost, with the machine's power say.

    Should the end of one come after all, it replaces this one.
    """
    lost = select(Request.id).where(text(RUNNING), Request.id < first_id(before)).limit(limit)
    ids = list(session.execute(lost).scalars())
    _cut(session, ids, "its end was never recorded")
    return len(ids)


def _cut(session: Session, ids: list[int], error: str, alive_at: int | None = None) -> None:
    """Close requests whose end nobody recorded: they keep their worker, so their duration enters no sum."""
    ended_at = None if alive_at is None else case((Request.started_at > alive_at, Request.started_at), else_=alive_at)
    cut: list[int] = []
    for begin in range(0, len(ids), _CHUNK):
        # The end of one may have come since they were read: it is counted already.
        done = session.execute(
            update(Request)
            .where(Request.id.in_(ids[begin : begin + _CHUNK]), text(RUNNING))
            .values(outcome="cut_by_shutdown", error=error, ended_at=ended_at)
            .returning(Request.id)
        )
        cut += done.scalars()
    ledger = Ledger()
    for row in counted(session, cut):
        ledger.count(row)
    ledger.write(session)
    note_changes(session, cut)
