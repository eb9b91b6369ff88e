"""How the pool is and who serves now, in words that are computed from the same plan that requests go by."""

from dataclasses import dataclass

from app.accounts.overview import AccountView
from app.clock import now_ms
from app.routing import STRATEGIES, Sticky, plan
from app.runtime import Runtime
from app.usage.sums import Totals
from app.values import Ineligible, ProxyRequest

_TROUBLE_RATE = 0.9
_TROUBLE_LEAST = 5


@dataclass(frozen=True, slots=True)
class Serving:
    """Who would get the next request. `account` None: nobody can.

    `passed_over`: accounts of better or equal priority that cannot serve now, and why.
    """

    account: str | None
    account_id: int | None
    why: str
    strategy: str
    passed_over: tuple[Ineligible, ...]
    back_at: int | None
    """When the first account returns, where nobody can serve."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of the installation in one line. `level`: ok, warn, bad or mute."""

    level: str
    words: str


def serving(run: Runtime) -> Serving:
    """Return who would serve a request that comes now, from what this process knows; asks no database."""
    now = now_ms()
    settings = run.settings
    asked = ProxyRequest(0, now, "POST", "/v1/messages", "/v1/messages", (), b"")
    candidates = run.pool.candidates()
    made = plan(settings.lb_strategy, candidates, asked, now, Sticky(settings.session_duration_ms, None, run.recent))
    label = STRATEGIES[settings.lb_strategy].label
    if not made.order:
        returns = [one.until for one in made.refused if one.until is not None]
        return Serving(None, None, made.why, label, made.refused, min(returns, default=None))
    first = made.order[0]
    priorities = {one.id: one.priority for one in candidates}
    ahead = tuple(one for one in made.refused if priorities.get(one.account_id, 0) <= first.priority)
    return Serving(first.name, first.id, made.why, label, ahead, None)


def verdict(accounts: tuple[AccountView, ...], now_serving: Serving, recent: Totals) -> Verdict:
    """Return how everything is. `recent`: the requests of the last while that came to the accounts."""
    if not accounts:
        return Verdict("mute", "There is no account yet.")
    ready = sum(1 for one in accounts if one.health.is_ok)
    if now_serving.account is None:
        return Verdict("bad", "No account can serve now.")
    if _is_in_trouble(recent):
        return Verdict("bad", f"{recent.failed} of the last {recent.requests} requests failed.")
    if ready < len(accounts):
        return Verdict("warn", f"Serving, with {ready} of {len(accounts)} accounts ready.")
    told = "The account is ready." if len(accounts) == 1 else f"All {len(accounts)} accounts are ready."
    return Verdict("ok", f"Healthy. {told}")


def _is_in_trouble(recent: Totals) -> bool:
    rate = recent.success_rate
    return recent.failed >= _TROUBLE_LEAST and rate is not None and rate < _TROUBLE_RATE
