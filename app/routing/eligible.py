"""Why an account may not be asked now, and until when."""

from app.providers.limits import ACCOUNT_KINDS
from app.providers.models import FAMILIES, model_family, targets
from app.values import Candidate, Ineligible, Verdict, Window

LIMIT_REASONS = frozenset({"quota", "burst", "model_quota"})
"""Reasons of a cool-down that are rate limits of the provider, as opposed to faults."""


def ineligible(candidate: Candidate, provider_serves: bool, model: str | None, now_ms: int) -> Ineligible | None:
    """Return why the account may not be asked for the model now, or None when it may.

    Of several reasons that pass by themselves, the one that lasts longest counts. Of several targets that the account
    maps the model to, one that may be asked is enough.
    """
    lasting = _lasting(candidate, provider_serves)
    if lasting is not None:
        return Ineligible(candidate.id, candidate.name, lasting)
    found: list[tuple[int, str, bool]] = []
    for family in _families(candidate, model):
        passing = _passing(candidate, family, now_ms)
        if not passing:
            return None
        found.append(max(passing))
    until, reason, is_limit = min(found)
    return Ineligible(candidate.id, candidate.name, reason, until, is_limit)


def tried(candidate: Candidate, verdict: Verdict, until: int | None) -> Ineligible:
    """Return an account that was asked for this request and could not serve, as one that is out for it."""
    is_limit = verdict.reason in LIMIT_REASONS
    return Ineligible(candidate.id, candidate.name, f"tried ({verdict.reason})", until, is_limit)


def is_spent(window: Window, now_ms: int) -> bool:
    """Whether a window is spent: rejected by the last answer or polled at 100 %, with its reset still to come.

    A warning, or a high utilisation on an answer, is no limit.
    """
    if window.status != "rejected" and (window.source != "poll" or (window.utilization or 0) < 1):
        return False
    return window.reset_at is not None and window.reset_at > now_ms


def binds(window: Window, family: str | None) -> bool:
    """Whether a spent window keeps a request for the model family out: the account's own, or that of the family.

    The allotment of a model that the kind does not name (`7d_oi`) binds only through its model cool-down.
    """
    return window.kind in ACCOUNT_KINDS or (family in FAMILIES and window.kind == f"7d_{family}")


def _lasting(candidate: Candidate, provider_serves: bool) -> str | None:
    if candidate.needs_reauth:
        return "needs a new log-in"
    if candidate.paused:
        return f"paused ({candidate.pause_reason})" if candidate.pause_reason else "paused"
    return None if provider_serves else "does not serve this path or model"


def _families(candidate: Candidate, model: str | None) -> tuple[str | None, ...]:
    """Return the families of the models that the account would be asked for."""
    if model is None:
        return (None,)
    names = targets(model, candidate) if candidate.model_mappings else None
    return tuple(map(model_family, names)) if names else (model_family(model),)


def _passing(candidate: Candidate, family: str | None, now_ms: int) -> list[tuple[int, str, bool]]:
    """Return (until, reason, is a limit) of each reason that time takes away."""
    spent = () if candidate.overage_allowed else candidate.windows
    found = [
        (window.reset_at or 0, f"exhausted ({window.kind})", True)
        for window in spent
        if is_spent(window, now_ms) and binds(window, family)
    ]
    until = candidate.cooldown_until
    if until is not None and until > now_ms:
        why = candidate.cooldown_reason
        found.append((until, f"cooling down ({why})" if why else "cooling down", why in LIMIT_REASONS))
    model_until = candidate.model_cooldowns.get(family) if family else None
    if model_until is not None and model_until > now_ms:
        found.append((model_until, f"cooling down for {family}", True))
    return found
