"""How an account is, as one value that selection, lists, API and pages share."""

from dataclasses import dataclass
from typing import Literal

from app.providers.limits import ACCOUNT_KINDS
from app.routing.eligible import is_spent
from app.values import Candidate

HealthState = Literal["ok", "cooling", "paused", "exhausted", "needs_reauth", "auth_failing"]


@dataclass(frozen=True, slots=True)
class Health:
    """The state of an account, with why, until when, and by whom it was paused."""

    state: HealthState
    reason: str | None = None
    until: int | None = None
    by: str | None = None

    @property
    def is_ok(self) -> bool:
        """Whether the account as a whole may be asked now."""
        return self.state == "ok"


OK = Health("ok")


def health_of(candidate: Candidate, now_ms: int, credential_fault: str | None = None) -> Health:
    """Return the health of an account. `credential_fault`: why its credential cannot be used, if it cannot.

    What only a person can lift comes before what time takes away; of the latter, what lasts longest counts.
    """
    if candidate.needs_reauth:
        return Health("needs_reauth", "the log-in has ended")
    if candidate.paused:
        return Health("paused", candidate.pause_reason, by=candidate.paused_by)
    if credential_fault is not None:
        return Health("auth_failing", credential_fault)
    passing = [found for found in (_exhausted(candidate, now_ms), _cooling(candidate, now_ms)) if found is not None]
    return max(passing, key=lambda health: health.until or 0, default=OK)


def _exhausted(candidate: Candidate, now_ms: int) -> Health | None:
    if candidate.overage_allowed:
        return None
    spent = [window for window in candidate.windows if window.kind in ACCOUNT_KINDS and is_spent(window, now_ms)]
    if not spent:
        return None
    last = max(spent, key=lambda window: window.reset_at or 0)
    return Health("exhausted", last.kind, last.reset_at)


def _cooling(candidate: Candidate, now_ms: int) -> Health | None:
    until = candidate.cooldown_until
    if until is None or until <= now_ms:
        return None
    state: HealthState = "auth_failing" if candidate.cooldown_reason == "auth" else "cooling"
    return Health(state, candidate.cooldown_reason, until)
