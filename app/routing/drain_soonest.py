"""Strategy `drain-soonest`: as `session`, but the account whose week ends first is used up first."""

from app.routing.plan import Plan, Pool, Strategy
from app.routing.ranking import draining_first, first_with
from app.routing.session import after_served, holder


def order(pool: Pool) -> Plan:
    """Put the holder of the session first; without one, the account with the soonest weekly reset starts a session."""
    ranked = draining_first(pool.eligible, pool.now_ms)
    held = holder(pool)
    if held is None:
        return Plan(ranked, pool.refused, "its week ends first, it starts a session")
    return Plan(first_with(ranked, held), pool.refused, "it holds the session", held.id)


DRAIN_SOONEST = Strategy(
    "drain-soonest", "The account whose week ends first, until its session ends", order, after_served
)
