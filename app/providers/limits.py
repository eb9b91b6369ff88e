"""What rate-limit headers say: windows, resets and waits, whatever form their values take.

Header names: https://platform.claude.com/docs/en/api/rate-limits and answers seen 2026-11. Nonsense is ignored:
a value that cannot be read is unknown, never zero.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from app.values import Window

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

ACCOUNT_KINDS = frozenset({"5h", "7d", "7d_oauth_apps"})
"""Unified windows that bind the whole account; any other one is the allotment of some model."""

UNIFIED = "anthropic-ratelimit-unified-"

_FAMILY = "anthropic-ratelimit-"
_UNIFIED_FIELD = re.compile(rf"{UNIFIED}(\d+[a-z](?:_[a-z0-9_]+)?)-(status|reset|utilization)")
_KEY_FIELD = re.compile(rf"{_FAMILY}(requests|tokens|input-tokens|output-tokens)-(limit|remaining|reset)")
_OPENAI_FIELD = re.compile(r"x-ratelimit-(limit|remaining|reset)-(requests|tokens)")
_SPAN_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SPAN_MS = {"ms": 1, "s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_FAR_MS = 32 * DAY_MS
_EPOCH_MS_FROM = 1e11


def windows(headers: Mapping[str, str], now_ms: int) -> tuple[Window, ...]:
    """Return the windows that an answer's headers tell of. `headers`: lower-case names."""
    found: dict[str, dict[str, str]] = {}
    for name, value in headers.items():
        if "ratelimit-" in name:
            place = _place(name)
            if place is not None:
                found.setdefault(place[0], {})[place[1]] = value
    if not found:
        return ()
    made = (_window(kind, fields, now_ms) for kind, fields in found.items())
    return tuple(window for window in made if window is not None)


def overage_allowed(headers: Mapping[str, str]) -> bool | None:
    """Return whether the account may go on beyond a full window, as the headers tell it; None when they do not."""
    status = headers.get(f"{UNIFIED}overage-status")
    if status is None:
        return False if f"{UNIFIED}overage-disabled-reason" in headers else None
    return status.startswith("allowed")


def retry_after_ms(headers: Mapping[str, str], now_ms: int) -> int | None:
    """Return how long the answer asks to wait: `retry-after-ms`, else `retry-after` in seconds or as an HTTP date."""
    precise = number(headers.get("retry-after-ms"))
    if precise is not None and precise > 0:
        return math.ceil(min(precise, _FAR_MS))
    value = headers.get("retry-after")
    if value is None:
        return None
    seconds = number(value)
    if seconds is not None:
        wait = math.ceil(min(seconds * SECOND_MS, _FAR_MS))
    else:
        date = _http_date(value)
        wait = 0 if date is None else date - now_ms
    return wait if wait > 0 else None


def is_model_kind(kind: str) -> bool:
    """Whether a window of this kind is the allotment of some model rather than of the account."""
    return kind[:1].isdigit() and kind not in ACCOUNT_KINDS


def spent_reset_at(seen: tuple[Window, ...], now_ms: int) -> int | None:
    """Return when the last counted limit (requests, tokens) that has nothing left is full again, if one is spent."""
    spent = (w.reset_at for w in seen if not w.kind[:1].isdigit() and w.utilization is not None and w.utilization >= 1)
    return max((reset for reset in spent if reset is not None and reset > now_ms), default=None)


def named_reset_at(headers: Mapping[str, str], now_ms: int) -> int | None:
    """Return the future time in a plain `x-ratelimit-reset`: as `instant`, or in seconds from now."""
    value = headers.get("x-ratelimit-reset")
    seconds = number(value)
    if seconds is not None and seconds * SECOND_MS <= _FAR_MS:
        at: int | None = now_ms + math.ceil(seconds * SECOND_MS)
    else:
        at = instant(value, now_ms)
    return at if at is not None and at > now_ms else None


def instant(value: object, now_ms: int) -> int | None:
    """Return a time as epoch ms, from epoch seconds or ms, RFC 3339, an HTTP date, or a span from now like `6m0s`.

    A time more than 32 days away is nonsense: no window is that long.
    """
    at = _instant(value, now_ms)
    return at if at is not None and abs(at - now_ms) <= _FAR_MS else None


def number(value: object) -> float | None:
    """Return a finite number of zero or more, or None."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        parsed = float(value)
    except (ValueError, OverflowError):
        return None
    return parsed if math.isfinite(parsed) and parsed >= 0 else None


def _instant(value: object, now_ms: int) -> int | None:
    seconds = number(value)
    if seconds is not None:
        return int(seconds if seconds >= _EPOCH_MS_FROM else seconds * SECOND_MS)
    if not isinstance(value, str):
        return None
    text = value.strip()
    span = _span_ms(text)
    if span is not None:
        return now_ms + span
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _http_date(text)
    return _epoch_ms(moment)


def _span_ms(text: str) -> int | None:
    parts = _SPAN_PART.findall(text)
    if not parts or "".join(f"{amount}{unit}" for amount, unit in parts) != text:
        return None
    return math.ceil(sum(float(amount) * _SPAN_MS[unit] for amount, unit in parts))


def _http_date(text: str) -> int | None:
    try:
        return _epoch_ms(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _epoch_ms(moment: datetime) -> int | None:
    try:
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(aware.timestamp() * SECOND_MS)
    except (OverflowError, ValueError):
        return None


@lru_cache(maxsize=512)
def _place(name: str) -> tuple[str, str] | None:
    """Return (window kind, field) of a header name, or None when it belongs to no window."""
    match = _UNIFIED_FIELD.fullmatch(name) or _KEY_FIELD.fullmatch(name)
    if match:
        return match[1].replace("-", "_"), match[2]
    match = _OPENAI_FIELD.fullmatch(name)
    return (match[2], match[1]) if match else None


def _window(kind: str, fields: Mapping[str, str], now_ms: int) -> Window | None:
    reset_at = instant(fields.get("reset"), now_ms)
    utilization = number(fields.get("utilization"))
    status = fields.get("status", "").strip().lower() or None
    limit, remaining = number(fields.get("limit")), number(fields.get("remaining"))
    if utilization is None and limit and remaining is not None:
        utilization = max(0.0, 1 - remaining / limit)
    if reset_at is None and utilization is None and status is None:
        return None
    return Window(kind, utilization, reset_at, status, now_ms, "header")
