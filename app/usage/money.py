"""What requests cost: by time, account, model, key and session; what is unpriced; what keys spent this month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from app.clock import now_ms
from app.db import reading
from app.providers import PROVIDERS
from app.usage.added import GROUPS, Narrow, summed
from app.usage.models import Facet, Rollup
from app.usage.rollup import CLASS_TOKENS
from app.usage.rows import account_labels, key_names
from app.usage.sessions import SessionRow, dearest_sessions
from app.usage.spans import DAY_MS, MINUTE_MS, Range, between, cover

SUBSCRIPTIONS = frozenset(one.name for one in PROVIDERS.values() if one.secret_kind == "oauth")  # noqa: S105 - a kind
"""The modes whose accounts pay by month: what their requests would cost at the API's prices is a value, no bill."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What one account, model or key cost in a period. `name` None: it is not known which.

    `billed_micro_usd`: of accounts that pay by use. `equivalent_micro_usd`: what the requests of subscriptions would
    have cost at the API's prices. None: nothing of that kind has a known cost.
    """

    value: str
    name: str | None
    requests: int
    billed_micro_usd: int | None
    equivalent_micro_usd: int | None
    unpriced: int


@dataclass(frozen=True, slots=True)
class Period:
    """What a period cost in all, and how it divides. `sessions`: the dearest used in it, with their whole cost."""

    name: str
    span: Range
    total: Spending
    accounts: tuple[Spending, ...]
    models: tuple[Spending, ...]
    keys: tuple[Spending, ...]
    sessions: tuple[SessionRow, ...]


@dataclass(frozen=True, slots=True)
class Unpriced:
    """A model with requests whose cost is not known because it has no price, or lacks one for a class of tokens."""

    model: str
    requests: int
    tokens: int
    last_day_at: int


@dataclass(frozen=True, slots=True)
class KeySpending:
    """What a client key spent in the running calendar month (UTC), at the API's prices, subscriptions included."""

    key_id: str
    name: str | None
    since: int
    spent_micro_usd: int
    requests: int


def costs(offset_ms: int = 0) -> tuple[Period, ...]:
    """Return today, the last 7 and the last 30 days. `offset_ms`: what the viewer's time is ahead of UTC.

    Call inside an app context, off the event loop.
    """
    now = now_ms()
    midnight = now - (now + offset_ms) % DAY_MS
    starts = {"today": midnight, "7d": now - 7 * DAY_MS, "30d": now - 30 * DAY_MS}
    return tuple(_period(name, between(start, now + MINUTE_MS, now, DAY_MS)) for name, start in starts.items())


def unpriced_models(since: int) -> tuple[Unpriced, ...]:
    """Return the models without a price that were used since the day of a time, the most used first.

    Call inside an app context.
    """
    tokens = [getattr(Rollup, name) for name in CLASS_TOKENS]
    used = select(Rollup.model, func.sum(Rollup.unpriced), func.sum(sum(tokens, literal(0))), func.max(Rollup.at))
    used = used.where(Rollup.span_ms == DAY_MS, Rollup.at >= since - since % DAY_MS, Rollup.unpriced > 0)
    with reading() as session:
        rows = session.execute(used.group_by(Rollup.model))
        found = [Unpriced(model, int(count), int(held), int(at)) for model, count, held, at in rows]
    return tuple(sorted(found, key=lambda one: (-one.requests, one.model)))


def spent_this_month(session: Session, at: int) -> dict[str, int]:
    """Return key id -> micro-USD of the calendar month (UTC) that a time lies in, for budgets."""
    return {one.key_id: one.spent_micro_usd for one in _month(session, at, {})}


def key_spending() -> tuple[KeySpending, ...]:
    """Return what each client key spent this month, the dearest first. Call inside an app context."""
    with reading() as session:
        found = _month(session, now_ms(), key_names(session))
    return tuple(sorted(found, key=lambda one: (-one.spent_micro_usd, one.key_id)))


def month_start(at: int) -> int:
    """Return when the calendar month (UTC) of a time began."""
    day = datetime.fromtimestamp(at / 1000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return int(day.timestamp()) * 1000


def _month(session: Session, at: int, names: dict[str, str]) -> list[KeySpending]:
    since = month_start(at)
    spent = select(Rollup.key_id, func.sum(Rollup.cost), func.sum(Rollup.requests)).where(
        Rollup.span_ms == DAY_MS, Rollup.at >= since, Rollup.at <= at, Rollup.key_id != ""
    )
    return [
        KeySpending(key_id, names.get(key_id), since, int(cost), int(requests))
        for key_id, cost, requests in session.execute(spent.group_by(Rollup.key_id))
    ]


def _period(name: str, span: Range) -> Period:
    with reading() as session:
        sums = summed(session, cover(span), Narrow(), GROUPS, names=_SPENT)
        providers = _providers(session)
        labels, keys = account_labels(session), key_names(session)
    whole = _Held()
    for place, values in sums.items():
        whole.add(values, providers.get(place[0]) in SUBSCRIPTIONS)
    return Period(
        name=name,
        span=span,
        total=whole.spending("", None),
        accounts=_divided(sums, 0, providers, labels),
        models=_divided(sums, 1, providers, {}),
        keys=_divided(sums, 2, providers, keys),
        sessions=dearest_sessions(span.start),
    )


def _providers(session: Session) -> dict[str, str | None]:
    known = session.execute(select(Facet.value, Facet.provider).where(Facet.kind == "account"))
    return {account: provider for account, provider in known}


def _divided(
    sums: Mapping[tuple[Any, ...], tuple[int, ...]],
    at: int,
    providers: Mapping[str, str | None],
    names: Mapping[str, str],
) -> tuple[Spending, ...]:
    """Return the shares of account (0), model (1) or key (2), the dearest first."""
    held: dict[str, _Held] = {}
    for place, values in sums.items():
        held.setdefault(place[at], _Held()).add(values, providers.get(place[0]) in SUBSCRIPTIONS)
    found = [one.spending(value, names.get(value, value) or None) for value, one in held.items()]
    dearest = sorted(found, key=lambda one: (-(one.billed_micro_usd or 0) - (one.equivalent_micro_usd or 0), one.value))
    return tuple(dearest)


_SPENT = ("requests", "priced", "unpriced", "cost")


class _Held:
    """What is being added up: requests, and the cost of those that a bill or a subscription pays for."""

    def __init__(self) -> None:
        self._requests = self._unpriced = 0
        self._costs: dict[bool, int] = {}

    def add(self, values: Sequence[int], is_subscription: bool) -> None:
        """Add sums in the order of `_SPENT`."""
        requests, priced, unpriced, cost = values
        self._requests += requests
        self._unpriced += unpriced
        if priced:
            self._costs[is_subscription] = self._costs.get(is_subscription, 0) + cost

    def spending(self, value: str, name: str | None) -> Spending:
        """Return it as a value."""
        return Spending(value, name, self._requests, self._costs.get(False), self._costs.get(True), self._unpriced)
