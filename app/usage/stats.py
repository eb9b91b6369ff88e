"""What all requests add up to: counts, outcomes, tokens and cost, in all and over the last while."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.accounts.models import Account
from app.audit import Actor, note
from app.clock import now_ms
from app.db import beat, reading, transaction
from app.usage.models import Request

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class TokenSums:
    """Tokens by price class. A class that no request reported is None."""

    input: int | None
    output: int | None
    cache_read: int | None
    cache_write_5m: int | None
    cache_write_1h: int | None


@dataclass(frozen=True, slots=True)
class Totals:
    """Some requests, added up. `succeeded`: complete with a status below 400.

    `success_rate` is of those that ended. `cost_micro_usd` leaves out the `unpriced`, whose cost is not known.
    """

    requests: int
    running: int
    succeeded: int
    success_rate: float | None
    outcomes: Mapping[str, int]
    attempts: int
    tokens: TokenSums
    cost_micro_usd: int | None
    unpriced: int


@dataclass(frozen=True, slots=True)
class Share:
    """The requests of one account or model. `name` None: it is not known which."""

    name: str | None
    totals: Totals


@dataclass(frozen=True, slots=True)
class Stats:
    """Everything at one moment. Days are UTC; shares are of all time, the busiest first."""

    at: int
    total: Totals
    today: Totals
    last_7_days: Totals
    last_30_days: Totals
    accounts: tuple[Share, ...]
    models: tuple[Share, ...]


def stats() -> Stats:
    """Add up all requests. Call inside an app context, off the event loop."""
    at = now_ms()
    with reading() as session:
        return Stats(
            at=at,
            total=_since(session, None),
            today=_since(session, at - at % DAY_MS),
            last_7_days=_since(session, at - 7 * DAY_MS),
            last_30_days=_since(session, at - 30 * DAY_MS),
            accounts=_shares(session, Request.account_name),
            models=_shares(session, Request.model),
        )


def reset_stats(actor: Actor) -> int:
    """Set the request counters of all accounts to zero; history stays. Returns how many accounts there are."""
    with transaction() as session:
        reset = session.execute(update(Account).values(request_count=0).returning(Account.id)).all()
        note(session, actor, "stats.reset", None, f"{len(reset)} accounts")
        beat(session, "accounts")
    return len(reset)


def unpriced_models(since: int) -> tuple[str, ...]:
    """Return the models that requests since a time were served by and that no price is known for."""
    statement = (
        select(func.coalesce(Request.model_served, Request.model))
        .where(Request.started_at >= since, _IS_UNPRICED)
        .distinct()
    )
    with reading() as session:
        return tuple(sorted(model for model in session.execute(statement).scalars() if model))


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


_IS_UNPRICED = and_(Request.cost.is_(None), or_(Request.input_tokens.is_not(None), Request.output_tokens.is_not(None)))
_SUMS: tuple[ColumnElement[Any], ...] = (
    func.count().label("requests"),
    _count_if(and_(Request.outcome == "complete", Request.status < 400)).label("succeeded"),
    func.coalesce(func.sum(Request.attempts), 0).label("attempts"),
    func.sum(Request.input_tokens).label("input"),
    func.sum(Request.output_tokens).label("output"),
    func.sum(Request.cache_read_tokens).label("cache_read"),
    func.sum(Request.cache_write_5m_tokens).label("cache_write_5m"),
    func.sum(Request.cache_write_1h_tokens).label("cache_write_1h"),
    func.sum(Request.cost).label("cost"),
    _count_if(_IS_UNPRICED).label("unpriced"),
)


def _since(session: Session, since: int | None) -> Totals:
    statement = select(Request.outcome, *_SUMS).group_by(Request.outcome)
    if since is not None:
        statement = statement.where(Request.started_at >= since)
    return _totals(session.execute(statement).all())


def _shares(session: Session, column: InstrumentedAttribute[str | None]) -> tuple[Share, ...]:
    statement = select(column.label("name"), Request.outcome, *_SUMS).group_by(column, Request.outcome)
    rows: dict[str | None, list[Row[Any]]] = {}
    for row in session.execute(statement):
        rows.setdefault(row.name, []).append(row)
    shares = [Share(name, _totals(parts)) for name, parts in rows.items()]
    return tuple(sorted(shares, key=lambda share: (-share.totals.requests, share.name or "")))


def _totals(rows: Sequence[Row[Any]]) -> Totals:
    """Add up rows that differ in their outcome."""
    requests = sum(row.requests for row in rows)
    running = sum(row.requests for row in rows if row.outcome is None)
    succeeded = sum(row.succeeded for row in rows)
    ended = requests - running
    return Totals(
        requests=requests,
        running=running,
        succeeded=succeeded,
        success_rate=succeeded / ended if ended else None,
        outcomes={row.outcome: row.requests for row in rows if row.outcome is not None},
        attempts=int(sum(row.attempts for row in rows)),
        tokens=TokenSums(*(_sum(rows, name) for name in TokenSums.__dataclass_fields__)),
        cost_micro_usd=_sum(rows, "cost"),
        unpriced=sum(row.unpriced for row in rows),
    )


def _sum(rows: Sequence[Row[Any]], name: str) -> int | None:
    """Return the sum of a column, None when no row knows it. PostgreSQL gives sums of integers as decimals."""
    known = [int(getattr(row, name)) for row in rows if getattr(row, name) is not None]
    return sum(known) if known else None
