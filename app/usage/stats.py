"""What all requests add up to: counts, outcomes, tokens and cost, in all and over the last while."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from app.accounts.models import Account
from app.audit import Actor, note
from app.clock import now_ms
from app.db import beat, reading, transaction
from app.usage import money
from app.usage.added import ZEROS, Narrow, Values, added, in_all, summed
from app.usage.models import RUNNING, Request
from app.usage.rows import account_labels
from app.usage.spans import DAY_MS, MINUTE_MS, WEEK_MS, Segment, between, cover
from app.usage.sums import Totals as Sums
from app.usage.sums import totals
from app.values import first_id

__all__ = ["DAY_MS", "Share", "Stats", "TokenSums", "Totals", "reset_stats", "stats", "unpriced_models"]


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
    """Some requests, added up. `succeeded`: complete with a status below 400. Attempts are of those that ended.

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
    """The ended requests of one account or model. `name` None: it is not known which."""

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
        ended = summed(session, (Segment(WEEK_MS, 0, at + DAY_MS),), Narrow(), ("account", "model"))
        return Stats(
            at=at,
            total=_totals(totals(in_all(ended.values())), _running(session, None)),
            today=_since(session, at - at % DAY_MS, at),
            last_7_days=_since(session, at - 7 * DAY_MS, at),
            last_30_days=_since(session, at - 30 * DAY_MS, at),
            accounts=_shares(ended, 0, account_labels(session)),
            models=_shares(ended, 1, {}),
        )


def reset_stats(actor: Actor) -> int:
    """Set the request counters of all accounts to zero; history stays. Returns how many accounts there are."""
    with transaction() as session:
        reset = session.execute(update(Account).values(request_count=0).returning(Account.id)).all()
        note(session, actor, "stats.reset", None, f"{len(reset)} accounts")
        beat(session, "accounts")
    return len(reset)


def unpriced_models(since: int) -> tuple[str, ...]:
    """Return the models that requests since the day of a time used and that no price is known for."""
    return tuple(sorted(one.model for one in money.unpriced_models(since) if one.model))


def _since(session: Session, since: int, at: int) -> Totals:
    """Add up the sums since a time, and the requests that still run."""
    held = summed(session, cover(between(since, at + MINUTE_MS, at)), Narrow())
    return _totals(totals(in_all(held.values())), _running(session, since))


def _running(session: Session, since: int | None) -> int:
    running = select(func.count()).select_from(Request).where(text(RUNNING))
    if since is not None:
        running = running.where(Request.id >= first_id(since))
    return session.execute(running).scalar_one()


def _shares(ended: Mapping[tuple[Any, ...], Values], at: int, names: Mapping[str, str]) -> tuple[Share, ...]:
    """Return what each account (0) or model (1) has of all ended requests."""
    held: dict[str, Values] = {}
    for place, values in ended.items():
        held[place[at]] = added(held.get(place[at], ZEROS), values)
    shares = [Share(names.get(value, value) or None, _totals(totals(values), 0)) for value, values in held.items()]
    return tuple(sorted(shares, key=lambda share: (-share.totals.requests, share.name or "")))


def _totals(held: Sums, running: int) -> Totals:
    tokens = held.tokens
    return Totals(
        requests=held.requests + running,
        running=running,
        succeeded=held.succeeded,
        success_rate=held.success_rate,
        outcomes=held.outcomes,
        attempts=held.attempts,
        tokens=TokenSums(tokens.input, tokens.output, tokens.cache_read, tokens.cache_write_5m, tokens.cache_write_1h),
        cost_micro_usd=held.cost.total_micro_usd,
        unpriced=held.unpriced,
    )
