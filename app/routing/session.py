"""Strategy `session`: one account serves the whole pool until its session ends, so that prompt caches stay warm."""

from app.routing.plan import Plan, Pool, StickyChange, Strategy
from app.routing.ranking import best_first, first_with
from app.values import Candidate, ProxyRequest


def is_active(candidate: Candidate, duration_ms: int, now_ms: int) -> bool:
    """Whether the account's session still runs: younger than the duration, its upstream window not yet reset.

    A reset before the session began belongs to an earlier one, and ends nothing.
    """
    start, reset_at = candidate.session_start, candidate.session_reset_at
    if start is None or start + duration_ms <= now_ms:
        return False
    return reset_at is None or not start < reset_at <= now_ms


def holder(pool: Pool) -> Candidate | None:
    """Return the account with the newest running session, if it can be asked; an older session takes no turn."""
    running = [c for c in pool.candidates if is_active(c, pool.sticky.session_duration_ms, pool.now_ms)]
    if not running:
        return None
    newest = max(running, key=lambda candidate: (candidate.session_start or 0, candidate.name))
    return pool.find(newest.id)


def order(pool: Pool) -> Plan:
    """Put the holder of the session first, unless an account of strictly better priority can serve."""
    ranked = best_first(pool.eligible, pool.now_ms)
    held = holder(pool)
    if held is None:
        return Plan(ranked, pool.refused, "the best account starts a session")
    if ranked[0].priority < held.priority:
        return Plan(ranked, pool.refused, "an account of better priority is back", held.id)
    return Plan(first_with(ranked, held), pool.refused, "it holds the session", held.id)


def after_served(plan: Plan, served: Candidate, _request: ProxyRequest, now_ms: int) -> StickyChange | None:
    """Return the session that begins with this answer.

    None while a session holds, also when its holder failed this once and another one helped out.
    """
    if plan.follows_holder or served.id == plan.holder_id:
        return None
    return StickyChange("start", served.id, now_ms)


SESSION = Strategy("session", "One account for all, until its session ends", order, after_served)
