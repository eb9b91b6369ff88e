"""Strategy `session-affinity`: each client session stays on its account; a new one goes to the least used."""

from app.routing.plan import Plan, Pool, StickyChange, Strategy
from app.routing.ranking import first_with, least_used_first
from app.values import Candidate, ProxyRequest


def order(pool: Pool) -> Plan:
    """Put the account that this client session is pinned to first, while it can be asked."""
    ranked = least_used_first(pool.eligible, pool.now_ms, pool.sticky)
    if pool.request.session_id is None:
        return Plan(ranked, pool.refused, "the least used account, for a request without a session")
    pinned = pool.find(pool.sticky.pinned_account_id)
    if pinned is None:
        return Plan(ranked, pool.refused, "the least used account takes the client session")
    return Plan(first_with(ranked, pinned), pool.refused, "it holds the client session", pinned.id)


def after_served(plan: Plan, served: Candidate, request: ProxyRequest, now_ms: int) -> StickyChange | None:
    """Return that the client session now belongs to the account, or still does.

    A holder that failed this once, and can be asked again, keeps the session.
    """
    session_id = request.session_id
    if session_id is None or (plan.holder_id is not None and served.id != plan.holder_id):
        return None
    return StickyChange("pin" if plan.holder_id is None else "touch", served.id, now_ms, session_id)


AFFINITY = Strategy("session-affinity", "Each client session stays on its account", order, after_served)
