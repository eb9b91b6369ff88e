"""Rate-limit windows over the API: what they are heading for, their history, the resets that passed."""

from dataclasses import dataclass
from typing import Annotated

from flask import Blueprint

from app.accounts.forecast import Sample
from app.accounts.windows import Outlooks, ResetEvent, outlooks, reset_events, samples
from app.api.operations import operation
from app.api.rules import MAX_NUMBER, Between, Chars
from app.clock import now_ms

windows = Blueprint("windows", __name__, url_prefix="/windows")

_HOUR_MS = 3_600_000
Hours = Annotated[int, Between(1, 90 * 24)]


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which window of which account, and how far back."""

    account: Annotated[int, Between(1, MAX_NUMBER)]
    window: Annotated[str, Chars(1, 40)]
    hours: Hours = 24


@dataclass(frozen=True, slots=True)
class WindowHistory:
    """The known values of one window, oldest first."""

    account: int
    window: str
    since: int
    points: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class ResetQuery:
    """How far back, and how many."""

    hours: Hours = 24
    limit: Annotated[int, Between(1, 1000)] = 200


@windows.get("")
@operation()
def all_outlooks() -> Outlooks:
    """Tell what each account's windows, and the pool's, are heading for."""
    return outlooks()


@windows.get("/history")
@operation()
def window_history(query: HistoryQuery) -> WindowHistory:
    """List the known values of one window of one account; an account or window that is not known has none."""
    since = now_ms() - query.hours * _HOUR_MS
    return WindowHistory(query.account, query.window, since, tuple(samples(query.account, query.window, since)))


@windows.get("/resets")
@operation()
def window_resets(query: ResetQuery) -> tuple[ResetEvent, ...]:
    """List the resets that were crossed, newest first."""
    return tuple(reset_events(now_ms() - query.hours * _HOUR_MS, query.limit))
