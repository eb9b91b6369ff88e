"""Strategy `least-used`: every request goes to the account with the most left; nothing sticks."""

from app.routing.plan import Plan, Pool, StickyChange, Strategy
from app.routing.ranking import least_used_first
from app.values import Candidate, ProxyRequest


def order(pool: Pool) -> Plan:
    """Order by priority, then utilisation; an account chosen a moment ago steps back."""
    return Plan(least_used_first(pool.eligible, pool.now_ms, pool.sticky), pool.refused, "the least used account")


def after_served(_plan: Plan, _served: Candidate, _request: ProxyRequest, _now_ms: int) -> StickyChange | None:
    """Return None: nothing sticks."""
    return None


LEAST_USED = Strategy("least-used", "The account with the most left, request by request", order, after_served)
