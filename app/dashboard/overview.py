"""The first page: how it is, who serves now and why, how much is left, what it cost, what failed."""

from dataclasses import dataclass
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from app.accounts import service
from app.accounts.pool import Pool
from app.accounts.windows import outlooks
from app.clock import now_ms
from app.dashboard import show
from app.dashboard.blueprints import dashboard
from app.dashboard.charts import KINDS, chart
from app.dashboard.ranges import chosen, names, reader_offset_ms
from app.gate.streams import Event, event_stream
from app.runtime import runtime
from app.server import cooperative
from app.serving import serving, verdict
from app.usage.analytics import Group, Share, asked_in, divided, in_range, series
from app.usage.feed import Feed
from app.usage.queries import latest_failures, list_requests
from app.usage.search import Filter
from app.usage.spans import DAY_MS, HOUR_MS, MINUTE_MS, between

SHOWN_CHARTS = ("traffic", "latency", "errors")
_MOST_SHARES = 6
_MOST_FAILURES = 5
_BEAT_EVERY = 6
"""Looks between two beats of the stream: a busy proxy redraws the page every second and a half."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How a range divides by account or model. `rest`: how many are not shown."""

    title: str
    kind: str
    top: tuple[Share, ...]
    rest: int


@dashboard.get("", strict_slashes=False)
def overview() -> ResponseReturnValue:
    """Show everything at one glance."""
    return show.page("pages/overview.html", ranges=names(), **_now(), **_figures())


@dashboard.get("/overview/now")
def overview_now() -> ResponseReturnValue:
    """Show how it is at this moment."""
    return show.part("partials/overview/now.html", **_now()) + show.part("partials/pulse.html", beside=True)


@dashboard.get("/overview/figures")
def overview_figures() -> ResponseReturnValue:
    """Show what the chosen range adds up to."""
    return show.part("partials/overview/figures.html", **_figures())


@dashboard.get("/overview/beats")
@cooperative
def overview_beats() -> ResponseReturnValue:
    """Say that requests began or ended or that accounts changed, so that the page asks for what is new."""
    run = runtime()
    return event_stream(Beats(run.feed, run.pool).look, on_loop=True)


class Beats:
    """Tells that something changed, at most every `_BEAT_EVERY` looks. Lives on the event loop, as the feed does.

    `beat`: requests or accounts; `accounts`: these alone.
    """

    def __init__(self, source: Feed, pool: Pool) -> None:
        self._feed = source
        self._pool = pool
        self._told: int | None = None
        self._accounts = pool.candidates()
        self._looks = 0

    def look(self) -> tuple[Event, ...]:
        """Return a beat when something changed since the last one."""
        self._looks += 1
        if self._told is not None and self._looks % _BEAT_EVERY:
            return ()
        before, self._told = self._told, self._feed.since(self._told).number
        former, self._accounts = self._accounts, self._pool.candidates()
        if former != self._accounts:
            return Event("accounts", "beat"), Event("accounts", "accounts")
        return () if before is None or before == self._told else (Event("requests", "beat"),)


def _now() -> dict[str, Any]:
    run, now = runtime(), now_ms()
    at_hand = serving(run)
    found = service.views(run.vault)
    first = at_hand.account_id
    accounts = sorted(found, key=lambda view: (view.id != first, view.priority, view.name.casefold()))
    midnight = now - (now + reader_offset_ms()) % DAY_MS
    recent = asked_in(between(now - HOUR_MS, now + MINUTE_MS, now))
    return {
        "accounts": accounts,
        "outlooks": outlooks().accounts,
        "serving": at_hand,
        "verdict": verdict(found, at_hand, recent),
        "today": in_range(between(midnight, now + MINUTE_MS, now)),
        "midnight": midnight,
        "running": len(list_requests(Filter(outcomes=("running",)), None, 1000).requests),
        "host": request.host_url.rstrip("/"),
        "keyless": run.keys.is_empty,
        "is_new": not list_requests(Filter(), None, 1).requests,
    }


def _figures() -> dict[str, Any]:
    asked = chosen()
    figures = {figure for name in SHOWN_CHARTS for figure in KINDS[name].figures}
    lines = series(asked.span, metrics=("first_token",), figures=figures)
    whole, (accounts, models) = divided(asked.span, ("account", "model"))
    return {
        "chosen": asked,
        "summary": whole,
        "charts": [chart(name, lines, asked.span) for name in SHOWN_CHARTS],
        "shares": [_shares("Accounts", "account", accounts), _shares("Models", "model", models)],
        "failures": latest_failures(_MOST_FAILURES),
    }


def _shares(title: str, kind: Group, found: tuple[Share, ...]) -> Shares:
    return Shares(title, kind, found[:_MOST_SHARES], max(0, len(found) - _MOST_SHARES))
