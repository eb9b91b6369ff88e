"""The range of time that a page's address names: by name, or free by `from` and `to`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import request

from app.clock import now_ms
from app.errors import InvalidInput
from app.usage.spans import DAY_MS, HOUR_MS, MINUTE_MS, RANGES, Range, between, last

OFFSET_COOKIE = "ccflare_offset"
"""Holds what the reader's time is ahead of UTC, in minutes; the pages' script keeps it."""

_MAX_OFFSET_MINUTES = 840
_LONGEST_MS = 4000 * DAY_MS
_LATEST = 253_370_764_800_000  # 9999-01-01: on no clock of the world does it lie beyond what a date can say.


@dataclass(frozen=True, slots=True)
class Chosen:
    """A range, and how the address says it. `name` None: a free one."""

    span: Range
    name: str | None

    @property
    def arguments(self) -> dict[str, Any]:
        """What names the range in an address."""
        return {"range": self.name} if self.name else {"from": self.span.start, "to": self.span.end}

    @property
    def late_minutes(self) -> int:
        """How long after the hours of the reader's clock its buckets begin: sums of hours cannot be cut."""
        return (reader_offset_ms() - self.span.offset_ms) % HOUR_MS // MINUTE_MS


def chosen() -> Chosen:
    """Return the range that the address names. Raises InvalidInput."""
    start, end = moment("from"), moment("to")
    now, offset_ms = now_ms(), reader_offset_ms()
    if start is None and end is None:
        name = request.args.get("range") or "24h"
        return Chosen(last(name, now, offset_ms), name)
    end = now + MINUTE_MS if end is None else min(end, now + DAY_MS)
    start = end - DAY_MS if start is None else max(start, now - _LONGEST_MS)
    return Chosen(between(start, end, now, None, offset_ms), None)


def names() -> tuple[str, ...]:
    """Return the names that ranges have."""
    return tuple(RANGES)


def moment(name: str) -> int | None:
    """Return a time of the address: epoch milliseconds, or date and time as the reader's clock shows it.

    What lies before 1970 or after 9998 is moved there. Raises InvalidInput.
    """
    text = request.args.get(name, "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 15:
        return min(int(text), _LATEST)
    try:
        told = datetime.fromisoformat(text)
        at = int(told.replace(tzinfo=told.tzinfo or UTC).timestamp() * 1000)
    except (ValueError, OverflowError) as exc:
        raise InvalidInput.field(name, "give a date and time such as 2026-11-22T14:30") from exc
    return min(max(0, at - (0 if told.tzinfo else reader_offset_ms())), _LATEST)


def local_text(at: int | None) -> str:
    """Return a time as fields for date and time want it, on the reader's clock."""
    if at is None:
        return ""
    return datetime.fromtimestamp((at + reader_offset_ms()) / 1000, UTC).strftime("%Y-%m-%dT%H:%M")


def reader_offset_ms() -> int:
    """Return what the reader's time is ahead of UTC; 0 where the browser has not told."""
    text = request.cookies.get(OFFSET_COOKIE, "")
    if not text.removeprefix("-").isdecimal() or len(text) > 4:
        return 0
    minutes = int(text)
    return minutes * MINUTE_MS if abs(minutes) <= _MAX_OFFSET_MINUTES else 0
