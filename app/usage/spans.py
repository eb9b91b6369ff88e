"""Ranges of time and the sums that cover them: minutes at the edges, hours and days between."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.errors import InvalidInput

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
"""From Thursday to Thursday, as the epoch's day has it."""
SPANS = (MINUTE_MS, HOUR_MS, DAY_MS, WEEK_MS)

MINUTES_USED_MS = 48 * HOUR_MS
"""How far back sums of minutes are read; they are kept somewhat longer."""
MINUTES_KEPT_MS = 50 * HOUR_MS

_NOON_MS = 12 * HOUR_MS

MAX_BUCKETS = 1500
_BUCKETS_MS = (
    *(MINUTE_MS, 5 * MINUTE_MS, 10 * MINUTE_MS, 30 * MINUTE_MS),
    *(HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS),
)
_WANTED_BUCKETS = 200
RANGES = {
    "1h": (HOUR_MS, MINUTE_MS),
    "6h": (6 * HOUR_MS, 5 * MINUTE_MS),
    "24h": (DAY_MS, HOUR_MS),
    "7d": (7 * DAY_MS, 3 * HOUR_MS),
    "30d": (30 * DAY_MS, DAY_MS),
}
"""Name -> (length, bucket)."""


@dataclass(frozen=True, slots=True)
class Range:
    """From a time, inclusive, to a time, exclusive, in buckets.

    Both ends lie on a minute, those that are too old for minutes on an hour. `offset_ms`: what local time is ahead of
    UTC, so that buckets of days begin at the viewer's midnight.
    """

    start: int
    end: int
    bucket_ms: int
    offset_ms: int = 0

    @property
    def length_ms(self) -> int:
        """How long it is."""
        return self.end - self.start

    def bucket_of(self, at: int) -> int:
        """Return the start of the bucket that a time lies in, which may be before `start`."""
        return at - (at + self.offset_ms) % self.bucket_ms

    def buckets(self) -> tuple[int, ...]:
        """Return the starts of all buckets; the first one is cut by `start`, the last one by `end`."""
        return tuple(range(self.bucket_of(self.start), self.end, self.bucket_ms))


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a range that the sums of one span cover exactly.

    `by_noon`: a sum belongs to the bucket of its day's noon (UTC). `moved`: only the sums that begin in this part of a
    day; they are taken out of the bucket of its noon and put into their own.
    """

    span_ms: int
    start: int
    end: int
    by_noon: bool = False
    moved: tuple[int, int] | None = None

    def places(self, span: Range, at: int) -> tuple[tuple[int, int], ...]:
        """Return the buckets that a sum counts in, each with 1, or -1 where it is taken away."""
        here, noon = span.bucket_of(at), span.bucket_of(at - at % DAY_MS + _NOON_MS)
        if self.moved is not None:
            return (here, 1), (noon, -1)
        return ((noon if self.by_noon else here, 1),)


def last(name: str, now: int, offset_ms: int = 0) -> Range:
    """Return a named range that ends now, the running minute included. Raises InvalidInput."""
    if name not in RANGES:
        raise InvalidInput.field("range", f"give one of {', '.join(RANGES)}, or from and to")
    length, bucket = RANGES[name]
    return between(now - length, now + MINUTE_MS, now, bucket, offset_ms)


def between(start: int, end: int, now: int, bucket_ms: int | None = None, offset_ms: int = 0) -> Range:
    """Return a free range, widened to whole minutes or hours; `bucket_ms` None: one that suits.

    Raises InvalidInput when it is empty or has too many buckets.
    """
    if start >= end:
        raise InvalidInput.field("from", "lies not before to")
    start, end = _down(start, _edge_ms(start, now)), -_down(-end, _edge_ms(end, now))
    if bucket_ms is None:
        fine = [one for one in _BUCKETS_MS if (end - start) // one <= _WANTED_BUCKETS]
        bucket_ms = fine[0] if fine else _BUCKETS_MS[-1]
    if bucket_ms not in _BUCKETS_MS:
        raise InvalidInput.field("bucket", f"give one of {', '.join(str(one) for one in _BUCKETS_MS)} (ms)")
    if (end - start) // bucket_ms > MAX_BUCKETS:
        raise InvalidInput.field(
            "bucket", f"makes more than {MAX_BUCKETS} points; take a larger one or a shorter range"
        )
    if start < _minutes_from(now):
        bucket_ms = max(bucket_ms, HOUR_MS)
    offset_ms %= DAY_MS
    if bucket_ms > MINUTE_MS and offset_ms % HOUR_MS and start < _minutes_from(now):
        offset_ms = _down(offset_ms, HOUR_MS)  # Sums of hours cannot be cut at half an hour.
    return Range(start, end, bucket_ms, offset_ms)


def before(span: Range, now: int) -> Range:
    """Return the range of the same length that ends where this one begins."""
    return between(span.start - span.length_ms, span.start, now, None, span.offset_ms)


def cover(span: Range) -> tuple[Segment, ...]:
    """Return the segments that add up to a range, the coarsest where they fit."""
    return tuple(_merged(_covered(span.start, span.end, SPANS)))


def cover_buckets(span: Range) -> tuple[Segment, ...]:
    """Return segments that add up to a range and to each of its buckets.

    Days of a local time are made of days of UTC: the hours around midnight are taken out of one and put into the other.
    """
    shift = span.offset_ms % DAY_MS
    if span.bucket_ms % DAY_MS or not shift or shift % HOUR_MS:
        usable = [one for one in SPANS if _fits(one, span)]
        return tuple(_merged(_covered(span.start, span.end, usable)))
    moved = (DAY_MS - shift, DAY_MS) if shift < _NOON_MS else (0, DAY_MS - shift)
    found: list[Segment] = []
    for one in _merged(_covered(span.start, span.end, SPANS[: SPANS.index(DAY_MS) + 1])):
        if one.span_ms != DAY_MS:
            found.append(one)
            continue
        found += [
            Segment(DAY_MS, one.start, one.end, by_noon=True),
            Segment(HOUR_MS, one.start, one.end, moved=moved),
        ]
    return tuple(found)


def _fits(span_ms: int, span: Range) -> bool:
    return span.bucket_ms % span_ms == 0 and span.offset_ms % span_ms == 0


def _covered(start: int, end: int, usable: Sequence[int]) -> list[Segment]:
    """Cut into the longest whole spans: finer ones at both ends."""
    coarsest = usable[-1]
    if len(usable) == 1:
        return [Segment(coarsest, start, end)] if start < end else []
    first, last_ = -_down(-start, coarsest), _down(end, coarsest)
    if first >= last_:
        return _covered(start, end, usable[:-1])
    return [
        *_covered(start, first, usable[:-1]),
        Segment(coarsest, first, last_),
        *_covered(last_, end, usable[:-1]),
    ]


def _merged(segments: list[Segment]) -> list[Segment]:
    merged: list[Segment] = []
    for one in segments:
        if merged and merged[-1].span_ms == one.span_ms and merged[-1].end == one.start:
            merged[-1] = Segment(one.span_ms, merged[-1].start, one.end)
        else:
            merged.append(one)
    return merged


def _minutes_from(now: int) -> int:
    return _down(now - MINUTES_USED_MS, HOUR_MS)


def _edge_ms(at: int, now: int) -> int:
    return MINUTE_MS if at >= _minutes_from(now) else HOUR_MS


def _down(at: int, step: int) -> int:
    return at - at % step
