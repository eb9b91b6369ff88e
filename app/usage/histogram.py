"""Histograms with fixed logarithmic buckets: small as stored, quick to add up, good for percentiles within 10 %.

Stored form: one byte for the first bucket, one for the width of a counter (2, 4 or 8 bytes), then the counters in
little-endian order. A counter leaves the last byte of its width free, so 256 histograms are added as plain large
integers before anything has to be unpacked.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from math import floor
from struct import unpack_from

PER_OCTAVE = 4
OCTAVES = 24

_LANE_BITS = 64
_LANE_BYTES = _LANE_BITS // 8
_ADDED_AT_ONCE = 256

EDGES = tuple(sorted({floor(2 ** (step / PER_OCTAVE) + 1e-9) for step in range(OCTAVES * PER_OCTAVE + 1)}))
"""Upper edge of each bucket, inclusive; small ones are exact. One more holds what is above 2^24 (4.6 hours in ms)."""


def bucket_of(value: int) -> int:
    """Return the bucket of a value; what is below 1 counts as 1."""
    return bisect_left(EDGES, value)


def pack(counts: Mapping[int, int]) -> bytes | None:
    """Return the stored form of bucket -> count, None when there is nothing. Raises ValueError below zero."""
    held = {bucket: count for bucket, count in counts.items() if count}
    if not held:
        return None
    first, last, most = min(held), max(held), max(held.values())
    if min(held.values()) < 0:
        raise ValueError("a histogram counts less than nothing")
    width = next(width for width in (2, 4, 8) if most < 1 << 8 * (width - 1))
    body = b"".join(held.get(bucket, 0).to_bytes(width, "little") for bucket in range(first, last + 1))
    return bytes((first, width)) + body


def unpack(stored: bytes | None) -> dict[int, int]:
    """Return bucket -> count of a stored histogram."""
    if stored is None:
        return {}
    first, width = stored[0], stored[1]
    counters = range(2, len(stored), width)
    return {
        first + at: count
        for at, begin in enumerate(counters)
        if (count := int.from_bytes(stored[begin : begin + width], "little"))
    }


class Sum:
    """Any number of stored histograms, added up."""

    __slots__ = ("_held", "_lanes", "_number")

    def __init__(self, stored: Iterable[bytes | None] = ()) -> None:
        self._lanes = self._number = 0
        self._held: dict[int, int] = {}
        """Width of a counter -> all of that width as one number, from bucket 0 on."""
        self.extend(stored)

    def extend(self, stored: Iterable[bytes | None]) -> None:
        """Add many stored histograms."""
        held = self._held
        for one in stored:
            if one is None:
                continue
            width = one[1]
            held[width] = held.get(width, 0) + (int.from_bytes(one[2:], "little") << 8 * width * one[0])
            self._number += 1
            if self._number == _ADDED_AT_ONCE:
                self._spread()

    def take(self, stored: Iterable[bytes | None]) -> None:
        """Take histograms away; at the end no bucket may hold less than nothing."""
        self._lanes -= Sum(stored).lanes

    @property
    def lanes(self) -> int:
        """All counters as one number, 64 bits for each."""
        self._spread()
        return self._lanes

    def _spread(self) -> None:
        """Put what was added up into lanes in which nothing can run over."""
        for width, counters in self._held.items():
            size = -(-counters.bit_length() // (8 * width))
            packed = counters.to_bytes(size * width, "little")
            wide = bytearray(size * _LANE_BYTES)
            for byte in range(width):
                wide[byte::_LANE_BYTES] = packed[byte::width]
            self._lanes += int.from_bytes(wide, "little")
        self._held.clear()
        self._number = 0

    def counts(self) -> dict[int, int]:
        """Return bucket -> count."""
        whole = self.lanes
        if not whole:
            return {}
        first = ((whole & -whole).bit_length() - 1) // _LANE_BITS
        lanes = whole >> _LANE_BITS * first
        size = -(-lanes.bit_length() // _LANE_BITS)
        counts = unpack_from(f"<{size}Q", lanes.to_bytes(size * _LANE_BYTES, "little"))
        return {bucket: count for bucket, count in enumerate(counts, first) if count}


def percentiles(counts: Mapping[int, int], shares: Sequence[float]) -> tuple[float | None, ...]:
    """Return the values below which the given shares (0-1) of a histogram lie; None where it is empty.

    Within a bucket the values are taken as spread evenly, so each is right to the width of a bucket (19 %).
    """
    buckets = sorted(counts)
    sums = list(accumulate(counts[bucket] for bucket in buckets))
    if not sums or not sums[-1]:
        return (None,) * len(shares)
    found: list[float] = []
    for share in shares:
        wanted = share * sums[-1]
        at = bisect_left(sums, wanted)
        bucket = buckets[at]
        count = counts[bucket]
        low = EDGES[bucket - 1] if bucket else 0
        high = EDGES[min(bucket, len(EDGES) - 1)]
        found.append(low + (high - low) * max(0.0, wanted - (sums[at] - count)) / count)
    return tuple(found)


def highest(counts: Mapping[int, int]) -> float | None:
    """Return the upper edge of the highest bucket that holds anything: no value is above it, save beyond the scale."""
    return float(EDGES[min(max(counts), len(EDGES) - 1)]) if counts else None
