"""The answer when no account can serve: honest about why, and about when one comes back."""

from collections.abc import Sequence
from typing import NamedTuple

from app.figures import utc, when
from app.values import Ineligible

MIN_RETRY_AFTER_S = 1
MAX_RETRY_AFTER_S = 3600
SILENT_WAIT_S = 60
"""Some SDKs sleep through a longer `retry-after` without a word: then they are told not to retry."""


class NobodyLeft(NamedTuple):
    """What to answer. `retry_after_s` None: no account comes back by itself. `should_retry` False: say so."""

    status: int
    kind: str
    message: str
    retry_after_s: int | None
    should_retry: bool


def answer_when_nobody_left(refused: Sequence[Ineligible], now_ms: int) -> NobodyLeft:
    """Return the answer for a request that every account refused, each with its reason and time."""
    is_limit = bool(refused) and all(one.is_limit for one in refused)
    returns = [one.until for one in refused if one.until is not None]
    wait_s = _clamped(min(returns) - now_ms) if returns else None
    return NobodyLeft(
        status=429 if is_limit else 503,
        kind="rate_limit_error" if is_limit else "api_error",
        message=_message(refused, now_ms),
        retry_after_s=wait_s,
        should_retry=wait_s is not None and wait_s <= SILENT_WAIT_S,
    )


def _clamped(wait_ms: int) -> int:
    return max(MIN_RETRY_AFTER_S, min(MAX_RETRY_AFTER_S, -(-wait_ms // 1000)))


def _message(refused: Sequence[Ineligible], now_ms: int) -> str:
    if not refused:
        return "There is no account that could serve this request. Add one with `flask ccflare add-account`."
    ordered = sorted(refused, key=lambda one: (one.until is None, one.until or 0, one.name))
    return "No account can serve this request now. " + " ".join(_line(one, now_ms) for one in ordered)


def _line(one: Ineligible, now_ms: int) -> str:
    if one.until is None or one.until <= now_ms:
        return f"{one.name}: {one.reason}."
    return f"{one.name}: {one.reason}, back {when(one.until, now_ms)} ({utc(one.until)})."
