"""Histograms: what is packed comes back, what is added adds up, percentiles stay in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.usage.histogram import EDGES, Sum, bucket_of, highest, pack, percentiles, unpack

COUNTS = st.dictionaries(st.integers(0, len(EDGES)), st.integers(1, 100_000), max_size=20)


@given(COUNTS)
def test_packed_counts_come_back(counts: dict[int, int]) -> None:
    assert unpack(pack(counts)) == counts


@given(st.lists(COUNTS, max_size=5))
def test_sum_is_the_sum_of_the_parts(parts: list[dict[int, int]]) -> None:
    whole: dict[int, int] = {}
    for part in parts:
        for bucket, count in part.items():
            whole[bucket] = whole.get(bucket, 0) + count
    assert Sum(pack(part) for part in parts).counts() == whole


@given(COUNTS.filter(bool))
def test_percentiles_rise_and_stay_below_the_highest(counts: dict[int, int]) -> None:
    median, high, higher = percentiles(counts, (0.5, 0.95, 0.99))
    top = highest(counts)
    assert median is not None
    assert high is not None
    assert higher is not None
    assert top is not None
    assert median <= high <= higher <= top


@given(st.integers(1, 1 << 24))
def test_value_lies_at_or_below_the_edge_of_its_bucket(value: int) -> None:
    assert value <= EDGES[bucket_of(value)]


def test_less_than_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="less than nothing"):
        pack({3: -1})
    assert pack({}) is None


@pytest.mark.parametrize("most", [255, 256, (1 << 24) - 1, 1 << 24])
def test_many_full_counters_do_not_run_over(most: int) -> None:
    one = {3: most, 4: most, 9: 1}
    assert Sum([pack(one)] * 1000 + [None]).counts() == {bucket: 1000 * count for bucket, count in one.items()}


@given(COUNTS, COUNTS)
def test_what_is_taken_away_is_gone(kept: dict[int, int], gone: dict[int, int]) -> None:
    held = Sum([pack(gone), pack(kept)])
    held.take([pack(gone), None])
    assert held.counts() == kept
