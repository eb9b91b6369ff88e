"""How accounts compare: by priority, by how full they are, by when they were chosen last."""

from app.providers.limits import ACCOUNT_KINDS
from app.routing.plan import Sticky
from app.values import Candidate

RECENT_MS = 500
RECENT_PENALTY = 1.0
"""An account that was chosen a moment ago ranks as if it were a whole window fuller."""

_NEVER = float("inf")


def utilization(candidate: Candidate, now_ms: int) -> float:
    """Return how full the fullest window of the whole account is; 0 when nothing is known or all have reset."""
    fullest = 0.0
    for window in candidate.windows:
        used = window.utilization
        if used is None or used <= fullest or window.kind not in ACCOUNT_KINDS:
            continue
        if window.reset_at is None or window.reset_at > now_ms:
            fullest = used
    return fullest


def best_first(candidates: tuple[Candidate, ...], now_ms: int) -> tuple[Candidate, ...]:
    """Return candidates by priority, then utilisation, then name."""
    if len(candidates) < 2:
        return candidates
    return tuple(sorted(candidates, key=lambda c: (c.priority, utilization(c, now_ms), c.name)))


def least_used_first(candidates: tuple[Candidate, ...], now_ms: int, sticky: Sticky) -> tuple[Candidate, ...]:
    """Return candidates by priority, then utilisation with a penalty for a choice just made, then name."""
    if len(candidates) < 2:
        return candidates

    def score(candidate: Candidate) -> float:
        chosen_at = sticky.recent.get(candidate.id)
        is_recent = chosen_at is not None and 0 <= now_ms - chosen_at < RECENT_MS
        return utilization(candidate, now_ms) + (RECENT_PENALTY if is_recent else 0.0)

    return tuple(sorted(candidates, key=lambda c: (c.priority, score(c), c.name)))


def draining_first(candidates: tuple[Candidate, ...], now_ms: int) -> tuple[Candidate, ...]:
    """Return candidates by the soonest weekly reset to come, then priority, utilisation, name."""
    return tuple(
        sorted(candidates, key=lambda c: (_weekly_reset(c, now_ms), c.priority, utilization(c, now_ms), c.name))
    )


def first_with(candidates: tuple[Candidate, ...], front: Candidate) -> tuple[Candidate, ...]:
    """Return candidates with one of them moved to the front."""
    if candidates[0] is front:
        return candidates
    return (front, *(candidate for candidate in candidates if candidate is not front))


def _weekly_reset(candidate: Candidate, now_ms: int) -> float:
    for window in candidate.windows:
        if window.kind == "7d" and window.reset_at is not None and window.reset_at > now_ms:
            return window.reset_at
    return _NEVER
