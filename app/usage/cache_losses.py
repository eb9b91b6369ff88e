"""Why a request had to write again what its session had in the prompt cache, and what that cost. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from app.usage.pricing import Rates, price
from app.values import Tokens

Cause = Literal["account_switched", "model_changed", "idle", "prefix_changed", "unknown"]
CAUSES: dict[Cause, str] = {
    "account_switched": "the account changed, and a cache belongs to one account",
    "model_changed": "the model changed, and a cache belongs to one model",
    "idle": "the cache had expired",
    "prefix_changed": "the prompt changed",
    "unknown": "the cause is not known",
}
"""Each cause in words."""

SHORT_TTL_MS = 300_000
LONG_TTL_MS = 3_600_000
_LEAST_TOKENS = 1024
"""The shortest prompt that a provider caches; less is no loss worth a word."""
_LEAST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Turn:
    """What of a request matters for the prompt cache."""

    id: int
    started_at: int
    account_id: int | None
    account_name: str | None
    model: str | None
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class CacheLoss:
    """A cached prefix that a request did not find again.

    `lost_tokens`: what the request before had in the cache, less what this one read. `idle_ms`: the time between the
    two; `ttl_ms`: how long the cache lasts. `rewrite_micro_usd`: what the lost tokens cost beyond the price of reading
    them, an estimate from this request's own prices; None when there is no price. `detail` names what changed.
    """

    request_id: int
    previous_id: int
    cause: Cause
    detail: str
    lost_tokens: int
    idle_ms: int
    ttl_ms: int
    rewrite_micro_usd: int | None


def loss(before: Turn, turn: Turn, prices: Mapping[str, Rates] | None = None) -> CacheLoss | None:
    """Return what a request lost of the cache that the one before it in its session left; None when nothing much.

    `prices`: what the operator entered.
    """
    had = _cached(before.tokens)
    read = turn.tokens.cache_read
    if had is None or read is None:
        return None
    lost = had - read
    if lost < max(_LEAST_TOKENS, had * _LEAST_SHARE):
        return None
    ttl_ms = LONG_TTL_MS if before.tokens.cache_write_1h or turn.tokens.cache_write_1h else SHORT_TTL_MS
    idle_ms = max(0, turn.started_at - before.started_at)
    cause, detail = _cause(before, turn, idle_ms, ttl_ms)
    return CacheLoss(turn.id, before.id, cause, detail, lost, idle_ms, ttl_ms, _rewrite(turn, lost, prices))


def losses(turns: Sequence[Turn], prices: Mapping[str, Rates] | None = None) -> tuple[CacheLoss, ...]:
    """Return the losses of consecutive requests of one session and agent, the oldest first."""
    known = [turn for turn in turns if turn.tokens.cache_read is not None]
    found = (loss(before, turn, prices) for before, turn in pairwise(known))
    return tuple(one for one in found if one is not None)


def _cached(tokens: Tokens) -> int | None:
    parts = (tokens.cache_read, tokens.cache_write_5m, tokens.cache_write_1h)
    return None if all(part is None for part in parts) else sum(part or 0 for part in parts)


def _cause(before: Turn, turn: Turn, idle_ms: int, ttl_ms: int) -> tuple[Cause, str]:
    """Name what explains the loss; a cache belongs to an account and a model, and is gone when it was not used."""
    if before.account_id != turn.account_id:
        return "account_switched", f"from {before.account_name or 'unknown'} to {turn.account_name or 'unknown'}"
    if before.model != turn.model:
        return "model_changed", f"from {before.model or 'unknown'} to {turn.model or 'unknown'}"
    if idle_ms > ttl_ms:
        return "idle", f"{idle_ms // 1000} s since the request before, the cache lasts {ttl_ms // 1000} s"
    return "unknown", "the beginning of the prompt changed, or the provider dropped it"


def _rewrite(turn: Turn, lost: int, prices: Mapping[str, Rates] | None) -> int | None:
    """Return what writing tokens again cost beyond reading them; tokens that were not written went as plain input."""
    if turn.model is None:
        return None
    long = min(lost, turn.tokens.cache_write_1h or 0)
    short = min(lost - long, turn.tokens.cache_write_5m or 0)
    plain = min(lost - long - short, turn.tokens.input or 0)
    written = long + short + plain
    again = Tokens(input=plain, cache_write_5m=short, cache_write_1h=long)
    paid = price(turn.model, again, turn.started_at, overrides=prices)
    spared = price(turn.model, Tokens(cache_read=written), turn.started_at, overrides=prices)
    if paid is None or spared is None or paid.total is None or spared.total is None:
        return None
    return paid.total - spared.total
