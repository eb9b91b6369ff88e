"""What all requests add up to, over the API."""

from dataclasses import dataclass
from typing import Annotated

from flask import Blueprint

from app.api.operations import operation
from app.api.rules import Between
from app.clock import now_ms
from app.gate.visitors import actor
from app.usage.money import KeySpending, Period, Unpriced, costs, key_spending, unpriced_models
from app.usage.queries import Failure, latest_failures
from app.usage.spans import DAY_MS
from app.usage.stats import Stats, reset_stats, stats

figures = Blueprint("stats", __name__, url_prefix="/stats")

OffsetMinutes = Annotated[int, Between(-840, 840)]


@dataclass(frozen=True, slots=True)
class CostQuery:
    """Whose midnight counts. `offsetMinutes`: what the viewer's time is ahead of UTC."""

    offset_minutes: OffsetMinutes = 0


@dataclass(frozen=True, slots=True)
class ErrorQuery:
    """How many failures, from how far back."""

    limit: Annotated[int, Between(1, 100)] = 10
    days: Annotated[int, Between(1, 365)] = 1


@dataclass(frozen=True, slots=True)
class UnpricedQuery:
    """How far back models count."""

    days: Annotated[int, Between(1, 365)] = 30


@dataclass(frozen=True, slots=True)
class Reset:
    """What was reset."""

    success: bool
    accounts: int


@figures.get("")
@operation()
def all_stats() -> Stats:
    """Add up requests, outcomes, tokens and cost: today, 7 and 30 days, in all, by account and by model."""
    return stats()


@figures.post("/reset")
@operation()
def reset() -> Reset:
    """Set the request counters of all accounts to zero; history stays."""
    return Reset(True, reset_stats(actor()))


@figures.get("/costs")
@operation()
def all_costs(query: CostQuery) -> tuple[Period, ...]:
    """Tell what today, 7 and 30 days cost by account, model, key and session."""
    return costs(query.offset_minutes * 60_000)


@figures.get("/keys")
@operation()
def spending_of_keys() -> tuple[KeySpending, ...]:
    """Tell what each client key spent in the running calendar month (UTC)."""
    return key_spending()


@figures.get("/errors")
@operation()
def errors(query: ErrorQuery) -> tuple[Failure, ...]:
    """List the newest failures with what can be done about each."""
    return latest_failures(query.limit, query.days * DAY_MS)


@figures.get("/unpriced")
@operation()
def unpriced(query: UnpricedQuery) -> tuple[Unpriced, ...]:
    """List the models that no price is known for."""
    return unpriced_models(now_ms() - query.days * DAY_MS)
