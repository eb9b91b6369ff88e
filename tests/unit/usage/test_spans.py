"""Ranges and the segments that cover them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.usage.spans import MINUTE_MS, RANGES, SPANS, between, cover, last

NOW = 1_790_000_040_000


@pytest.mark.parametrize("name", RANGES)
def test_segments_cover_a_range_without_gap_or_overlap(name: str) -> None:
    span = last(name, NOW)
    at = span.start
    for segment in sorted(cover(span), key=lambda one: one.start):
        assert segment.start == at
        assert segment.span_ms in SPANS
        at = segment.end
    assert at == span.end


@given(st.integers(1, 60 * 24 * 40), st.integers(0, 60 * 24 * 40))
def test_buckets_hold_every_time_of_the_range(minutes: int, ago: int) -> None:
    end = NOW - ago * MINUTE_MS
    span = between(end - minutes * MINUTE_MS, end, NOW)
    buckets = span.buckets()
    assert span.bucket_of(span.start) == buckets[0]
    assert buckets[-1] < span.end <= buckets[-1] + span.bucket_ms


def test_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidInput):
        between(NOW, NOW - MINUTE_MS, NOW)
