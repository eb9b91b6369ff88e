import random
from collections import Counter
from collections.abc import Iterable

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.clock import now_ms
from app.db import reading
from app.errors import InvalidInput
from app.usage import analytics, spans
from app.usage.analytics import OTHERS, Narrow, divided, percentiles, series
from app.usage.models import Request
from app.usage.sums import METRICS, NOTHING, Percentiles, Totals
from tests.unit.usage.records import KEYS, MODELS, NOW, anything, end, put

HOUR = spans.HOUR_MS
DAY = spans.DAY_MS


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analytics, "now_ms", lambda: NOW)


@pytest.fixture
def history(app: Flask, clock: None) -> None:
    rng = random.Random(5)
    heads = [
        anything(rng, NOW - rng.randint(0, length)) for length in (HOUR, DAY, 7 * DAY, 30 * DAY) for _ in range(60)
    ]
    put(*heads)


def narrows() -> Iterable[Narrow]:
    yield from (Narrow(), Narrow(accounts=(0, 2)), Narrow(models=("",)), Narrow(keys=("", "aaaaaaaa")))
    yield from (Narrow((1,), MODELS[:1], ("aaaaaaaa",)), Narrow(accounts=(99,)))


RANGES = (
    *(spans.last(name, NOW) for name in spans.RANGES),
    spans.last("24h", NOW, offset_ms=-5 * HOUR),
    spans.last("30d", NOW, offset_ms=2 * HOUR),
    spans.last("6h", NOW, offset_ms=19_800_000),
    spans.between(NOW - 3 * DAY - 12_345, NOW - DAY - 999, NOW),
    spans.between(NOW - 40 * DAY, NOW - 3 * DAY, NOW, DAY, offset_ms=9 * HOUR),
)


def ascending(one: Percentiles) -> bool:
    values = [one.p50, one.p95, one.p99, one.highest]
    return None not in values and values == sorted(values, key=lambda value: value or 0)


def plain(held: Totals) -> tuple[object, ...]:
    return (held.requests, held.failed, held.attempts, held.tokens.total, held.cost.total_micro_usd, held.unpriced)


def added(parts: Iterable[Totals]) -> tuple[object, ...]:
    rows = [plain(part) for part in (NOTHING, *parts)]
    sums: list[object] = []
    for column in zip(*rows):
        known = [value for value in column if isinstance(value, int)]
        sums.append(sum(known) if known else None)
    return tuple(sums)


@pytest.mark.parametrize("span", RANGES, ids=lambda span: f"{span.length_ms // HOUR}h by {span.bucket_ms // 60_000}m")
def test_series_add_up_to_the_totals_under_every_filter(history: None, span: spans.Range) -> None:
    for narrow in narrows():
        whole = divided(span, (), narrow)[0].totals
        for group in (None, *analytics.GROUPS):
            lines = series(span, narrow, group, most=2)
            assert added(line.totals for line in lines) == plain(whole)
            for line in lines:
                assert added(point.totals for point in line.points) == plain(line.totals)
                assert [point.at for point in line.points] == list(span.buckets())
        grown = series(span, narrow, cumulative=True)
        assert plain(grown[0].points[-1].totals) == plain(whole)
        again, parted = divided(span, analytics.GROUPS, narrow)
        assert again.totals == whole
        assert [added(share.totals for share in shares) for shares in parted] == [plain(whole)] * 3


@pytest.mark.parametrize("span", RANGES, ids=lambda span: f"{span.length_ms // HOUR}h")
def test_totals_count_exactly_the_rows_of_the_range(history: None, span: spans.Range) -> None:
    with reading() as session:
        rows = session.execute(
            select(Request.id).where(Request.started_at >= span.start, Request.started_at < span.end)
        ).all()
    assert divided(span, ())[0].totals.requests == len(rows)


@pytest.mark.parametrize("hours", [2, -5, 12, -11, 11, 0])
@pytest.mark.parametrize("group", [None, "model"])
def test_days_of_local_time_hold_the_requests_of_those_days(
    history: None, hours: int, group: analytics.Group | None
) -> None:
    span = spans.last("30d", NOW, offset_ms=hours * HOUR)
    with reading() as session:
        rows = session.execute(
            select(Request.started_at, Request.model_used).where(
                Request.started_at >= span.start, Request.started_at < span.end
            )
        ).all()
    expected = Counter((span.bucket_of(at), model if group else None) for at, model in rows)
    found: Counter[tuple[int, str | None]] = Counter()
    for line in series(span, group=group, metrics=("duration",)):
        for point in line.points:
            found[point.at, line.value] += point.totals.requests
            counted = point.percentiles["duration"].count if point.percentiles else 0
            assert counted == point.totals.requests
    assert +found == expected
    assert len({at for at, _ in expected}) > 15


def test_change_is_against_the_range_before(app: Flask, clock: None) -> None:
    put(*(end(NOW - HOUR - at) for at in (1, 2)), *(end(NOW - at, status=500) for at in (1, 2, 3)))
    found = divided(spans.between(NOW - HOUR, NOW, NOW), ())[0]
    assert (found.totals.requests, found.before.requests) == (3, 2)
    assert found.change["requests"] == pytest.approx(0.5)
    assert found.change["success_rate"] == -1
    assert "failed" not in found.change, "there was none before"


def test_nothing_known_is_not_zero(app: Flask, clock: None) -> None:
    held = divided(spans.last("1h", NOW), ())[0].totals
    assert (held.requests, held.success_rate, held.tokens.input, held.cost.total_micro_usd) == (0, None, None, None)
    assert (held.cache_hit, held.mean_duration_ms, held.mean_tokens_per_s) == (None, None, None)
    assert percentiles(spans.last("1h", NOW))["duration"].p95 is None


@pytest.mark.parametrize("group", [None, "account", "model"])
def test_every_percentile_lies_between_median_and_highest(history: None, group: analytics.Group | None) -> None:
    span = spans.last("7d", NOW)
    lines = series(span, group=group, metrics=tuple(METRICS))
    seen = 0
    for line in lines:
        for point in line.points:
            for metric, one in point.percentiles.items():
                if one.count:
                    assert ascending(one), metric
                    seen += 1
    assert seen > 50
    counted = sum(point.percentiles["duration"].count for line in lines for point in line.points if point.percentiles)
    assert counted == percentiles(span)["duration"].count == divided(span, ())[0].totals.requests


@given(st.lists(st.integers(0, 3_000_000), min_size=1, max_size=200))
@settings(max_examples=60)
def test_percentiles_of_histograms_are_near_the_true_ones(values: list[int]) -> None:
    from app.usage.histogram import Sum, bucket_of, pack  # noqa: PLC0415 - the pure part alone
    from app.usage.sums import spread  # noqa: PLC0415

    counts: dict[int, int] = {}
    for value in values:
        counts[bucket_of(value)] = counts.get(bucket_of(value), 0) + 1
    found = spread(Sum([pack(counts)]).counts())
    assert found.count == len(values)
    assert ascending(found)
    assert found.p95 is not None
    assert found.highest is not None
    true = sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]
    assert true / 1.2 - 1 <= found.p95 <= max(1, true) * 1.2 + 1
    assert max(values) <= found.highest <= max(1, max(values)) * 1.2


def test_groups_beyond_the_largest_are_one_line(app: Flask, clock: None) -> None:
    for account in range(1, 6):
        put(*(end(NOW - at, account_id=account, account_name=f"a{account}") for at in range(account)))
    lines = series(spans.last("1h", NOW), group="account", most=2)
    assert {line.value: line.totals.requests for line in lines} == {"5": 5, "4": 4, OTHERS: 6}
    assert {line.name for line in lines} == {"a5", "a4", OTHERS}


def test_keys_are_told_apart(history: None) -> None:
    _, (found,) = divided(spans.last("30d", NOW), ("key",))
    assert {share.value for share in found} == {key or "" for key in KEYS}


@pytest.mark.parametrize("wrong", [{"group": "colour"}, {"metrics": ("weight",)}], ids=["group", "metric"])
def test_unknown_words_are_refused(app: Flask, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        series(spans.last("1h", now_ms()), **wrong)  # type: ignore[arg-type]
