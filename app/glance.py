"""The installation at one glance, as the database has it: how it is, each account's pace, what runs, what failed."""

from dataclasses import dataclass

from app.accounts.overview import AccountView, views
from app.background.gauges import workers
from app.clock import now_ms
from app.db import reading
from app.runtime import Runtime
from app.serving import Serving, Verdict, serving, verdict
from app.usage.analytics import asked_of, shares_of, totals_of
from app.usage.queries import Failure, latest_failures, list_requests
from app.usage.rows import RequestRow
from app.usage.search import Filter
from app.usage.spans import DAY_MS, HOUR_MS, MINUTE_MS, Range, between
from app.usage.sums import Totals

PACE_MS = 5 * MINUTE_MS
"""How much of the past the paces are taken from."""
_MOST_RUNNING = 1000
_RUNNING_TOLD = 100
_MOST_FAILURES = 20


@dataclass(frozen=True, slots=True)
class Pace:
    """Ended requests and their tokens by the minute, and what the day (UTC) has come to. Unknown is None."""

    requests_per_minute: float
    tokens_per_minute: float | None
    requests_today: int
    failed_today: int
    cost_today_micro_usd: int | None


@dataclass(frozen=True, slots=True)
class AccountGlance:
    """One account with its pace. `serves_now`: it would get the next request."""

    account: AccountView
    serves_now: bool
    pace: Pace


@dataclass(frozen=True, slots=True)
class Glance:
    """How everything is at a moment. `workers`: the servers' processes that are up; without one nothing is served.

    `running`: the newest of the `requests_running`.
    """

    at: int
    verdict: Verdict
    serving: Serving
    workers: int
    pace: Pace
    accounts: tuple[AccountGlance, ...]
    requests_running: int
    running: tuple[RequestRow, ...]
    failures: tuple[Failure, ...]


def glance(run: Runtime) -> Glance:
    """Return how everything is. Call inside an app context, off the event loop."""
    now = now_ms()
    accounts = views(run.vault)
    at_hand = serving(run)
    up = len(workers())
    lately, today = between(now - PACE_MS, now + MINUTE_MS, now), between(now // DAY_MS * DAY_MS, now + MINUTE_MS, now)
    running = list_requests(Filter(outcomes=("running",)), None, _MOST_RUNNING).requests
    with reading() as session:
        recent = asked_of(session, between(now - HOUR_MS, now + MINUTE_MS, now))
        in_all = _pace(totals_of(session, lately), totals_of(session, today), lately, now)
        late, day = (
            {share.value: share.totals for share in shares_of(session, span, "account")} for span in (lately, today)
        )
    told = verdict(accounts, at_hand, recent) if up else Verdict("bad", "No server is up.")
    return Glance(
        at=now,
        verdict=told,
        serving=at_hand,
        workers=up,
        pace=in_all,
        accounts=tuple(
            AccountGlance(
                one, one.id == at_hand.account_id, _pace(late.get(str(one.id)), day.get(str(one.id)), lately, now)
            )
            for one in sorted(accounts, key=lambda one: (one.priority, one.name.casefold()))
        ),
        requests_running=len(running),
        running=running[:_RUNNING_TOLD],
        failures=latest_failures(_MOST_FAILURES),
    )


def _pace(late: Totals | None, day: Totals | None, lately: Range, now: int) -> Pace:
    minutes = (now - lately.start) / MINUTE_MS
    requests, today = (0 if held is None else held.requests for held in (late, day))
    tokens = late.tokens.total if late is not None and requests else 0
    return Pace(
        requests_per_minute=round(requests / minutes, 3),
        tokens_per_minute=None if tokens is None else round(tokens / minutes, 3),
        requests_today=today,
        failed_today=0 if day is None else day.failed,
        cost_today_micro_usd=day.cost.total_micro_usd if day is not None and today else 0,
    )
