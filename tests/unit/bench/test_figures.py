"""The bench compares what ran in the same round."""

from dataclasses import replace

import pytest

from bench.figures import Goal, Sample, added, keys, percentile, ratio, spread

ONE = Sample("bare", "json", 16, 1, requests=100, errors=0, elapsed_s=2.0, cpu_s=0.2, p50_ms=5.0, p99_ms=9.0)


def test_cpu_is_seconds_for_a_thousand_requests() -> None:
    assert ONE.cpu_ms == pytest.approx(2.0)
    assert ONE.per_s == 50


def test_ratio_pairs_samples_by_round_whatever_their_order() -> None:
    samples = [
        replace(ONE, subject="ccflare", round=2, cpu_s=0.3),
        replace(ONE, round=1, cpu_s=0.2),
        replace(ONE, round=2, cpu_s=0.6),
        replace(ONE, subject="ccflare", round=1, cpu_s=0.08),
    ]
    found = ratio(samples, "json", 16, "ccflare", "bare")
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.4, 0.5))


def test_ratio_of_a_case_that_was_not_measured_is_unknown() -> None:
    assert ratio([ONE], "json", 16, "ccflare", "bare") is None


def test_added_time_is_against_the_direct_way_of_the_same_round() -> None:
    samples = [
        replace(ONE, subject="direct", round=1, p50_ms=1.0),
        replace(ONE, subject="direct", round=2, p50_ms=4.0),
        replace(ONE, round=1, p50_ms=3.0),
        replace(ONE, round=2, p50_ms=5.0),
    ]
    found = added(samples, ("bare", "json", 16), "p50_ms")
    assert found is not None
    assert (found.low, found.high) == (1.0, 2.0)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1), (0.5, 51), (0.99, 100), (1.0, 100)], ids=["least", "p50", "p99", "most"]
)
def test_percentile(share: float, expected: int) -> None:
    assert percentile(range(100, 0, -1), share) == expected


def test_nothing_measured_has_no_spread() -> None:
    assert spread([]) is None
    assert percentile([], 0.5) == 0


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [(0.6, "PASS"), (0.61, "FAIL"), (None, "not measured")],
    ids=["at-the-limit", "above", "unknown"],
)
def test_goal(seen: float | None, verdict: str) -> None:
    assert Goal("x", 0.6, "x", seen).verdict == verdict


def test_keys_name_each_measured_thing_once() -> None:
    assert keys([ONE, replace(ONE, round=2), replace(ONE, concurrency=1)]) == [
        ("bare", "json", 16),
        ("bare", "json", 1),
    ]
