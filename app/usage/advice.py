"""What a verdict means, in words, and what an operator can do about a request that failed, in one sentence."""

REASONS = {
    "served": "served",
    "model_quota": "the model's quota is used up",
    "quota": "its quota is used up",
    "burst": "too many requests at once",
    "overloaded": "the upstream is overloaded",
    "upstream": "the upstream failed",
    "auth": "the credential was refused",
    "client": "the request itself was refused",
    "unanswered": "the request ended before it answered",
}
"""Reason of a verdict on one try at an account -> what it means."""
CUT_SHORT = {
    "client_gone": "the client left",
    "upstream_broke": "the upstream broke off",
    "cut_by_shutdown": "the server stopped",
}
"""Outcome of an answer that has no end -> why it has none."""
_BY_REASON = {
    "quota": "The account's window is used up until its reset; add an account or resume one.",
    "model_quota": "The account has nothing left for this model until the reset; add an account, or map the model.",
    "burst": "The upstream asked to slow down; it passes by itself, or spread the load over more accounts.",
    "overloaded": "The provider was overloaded; nothing is wrong here, try again later.",
    "upstream": "The upstream could not be reached or broke; `flask ccflare doctor` tells whether it is reachable now.",
    "auth": "The upstream refused the account's credential; log the account in again or replace its key.",
    "client": "The upstream refused the request itself; its error says what is wrong with it.",
}
_BY_OUTCOME = {
    "client_gone": "The client left before the answer was complete; its time limit may be too short.",
    "upstream_broke": "The upstream cut the answer short; the client saw it end early and may ask again.",
    "refused": "No account could take it, or the request was not acceptable; each account's reason is shown.",
    "cut_by_shutdown": "The server stopped while it ran; a longer CCFLARE_DRAIN_S lets such requests end.",
}

_BY_REFUSAL = {
    401: "The client showed no key that is in force here; give it one from Keys as ANTHROPIC_AUTH_TOKEN.",
    503: "No account could take it; each account's reason is shown. Add one, resume one, or log it in again.",
}
"""Status with which a request was refused before an account was asked -> what to do."""


def advice(status: int | None, outcome: str, reason: str | None) -> str:
    """Return what to do. `reason`: of the last attempt, None when no account was asked."""
    if outcome in ("client_gone", "cut_by_shutdown"):
        return _BY_OUTCOME[outcome]
    if reason in _BY_REASON:
        return _BY_REASON[reason]
    if outcome == "refused" and status in _BY_REFUSAL:
        return _BY_REFUSAL[status]
    if outcome in _BY_OUTCOME:
        return _BY_OUTCOME[outcome]
    if status is not None and 400 <= status < 500:
        return _BY_REASON["client"]
    return _BY_REASON["upstream"]
