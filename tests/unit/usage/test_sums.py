"""Totals: zero is zero and unknown is None."""

from app.usage.rollup import SUMS
from app.usage.sums import NOTHING, spread, totals


def test_nothing_is_not_zero_tokens_or_zero_cost() -> None:
    found = totals([0] * len(SUMS))
    assert found.requests == 0
    assert found.success_rate is None
    assert found.tokens.total is None
    assert found.cost.total_micro_usd is None
    assert NOTHING.cache_hit is None


def test_percentiles_of_nothing_are_unknown() -> None:
    assert {spread({}).p50, spread({}).p95, spread({}).p99} == {None}
