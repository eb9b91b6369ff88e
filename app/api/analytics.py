"""Figures over a range of time, over the API: totals with their change, series, shares, percentiles."""

from dataclasses import dataclass
from typing import Annotated, Literal

from flask import Blueprint

from app.api.narrowing import account_ids, key_ids
from app.api.operations import operation
from app.api.rules import MAX_NUMBER, Between, Items, Time, Values
from app.api.stats import OffsetMinutes
from app.clock import now_ms
from app.errors import InvalidInput
from app.usage.analytics import GROUPS, Group, Narrow, Series, Share, Summary, divided, percentiles, series
from app.usage.spans import Range, between, last
from app.usage.sums import Percentiles

analytics = Blueprint("analytics", __name__, url_prefix="/analytics")

RangeName = Literal["1h", "6h", "24h", "7d", "30d"]
Mode = Literal["normal", "cumulative"]
Metric = Literal["duration", "first_byte", "first_token", "speed"]
_DAY_AND_MORE = 400 * 86_400_000 * 10
"""The longest free range: what is older was never kept."""


@dataclass(frozen=True, slots=True)
class AnalyticsQuery:
    """A range of time by its name, or free by `from` and `to`; `bucket` in milliseconds, chosen when not given.

    `group`: a line for each of the largest accounts, models or keys. `metrics`: whose percentiles are in the series.
    """

    range: RangeName | None = None
    from_: Time | None = None
    to: Time | None = None
    bucket: Annotated[int, Between(60_000, MAX_NUMBER)] | None = None
    offset_minutes: OffsetMinutes = 0
    accounts: Values = ()
    models: Values = ()
    keys: Values = ()
    group: Group | None = None
    metrics: Annotated[tuple[Metric, ...], Items(4)] = ()
    mode: Mode = "normal"


@dataclass(frozen=True, slots=True)
class Meta:
    """The range that the figures are of: whole minutes, or hours where it is older."""

    range: RangeName | None
    start_at: int
    end_at: int
    bucket_ms: int
    cumulative: bool


@dataclass(frozen=True, slots=True)
class Analytics:
    """All figures of a range."""

    meta: Meta
    summary: Summary
    percentiles: dict[str, Percentiles]
    series: tuple[Series, ...]
    accounts: tuple[Share, ...]
    models: tuple[Share, ...]
    keys: tuple[Share, ...]


@analytics.get("")
@operation()
def all_figures(query: AnalyticsQuery) -> Analytics:
    """Add up a range of time, beside the range before it, as series and as shares."""
    span = _span(query)
    narrow = Narrow(account_ids(query.accounts), query.models, key_ids(query.keys))
    is_cumulative = query.mode == "cumulative"
    whole, (by_account, by_model, by_key) = divided(span, GROUPS, narrow)
    return Analytics(
        Meta(_range_name(query), span.start, span.end, span.bucket_ms, is_cumulative),
        whole,
        percentiles(span, narrow),
        series(span, narrow, query.group, query.metrics, is_cumulative),
        by_account,
        by_model,
        by_key,
    )


def _range_name(query: AnalyticsQuery) -> RangeName | None:
    return None if query.from_ is not None or query.to is not None else query.range or "24h"


def _span(query: AnalyticsQuery) -> Range:
    now, offset_ms = now_ms(), query.offset_minutes * 60_000
    name = _range_name(query)
    if name is not None:
        if query.bucket is None:
            return last(name, now, offset_ms)
        named = last(name, now)
        return between(named.start, named.end, now, query.bucket, offset_ms)
    if query.range is not None:
        raise InvalidInput.field("range", "give either a range or from and to")
    if query.from_ is None:
        raise InvalidInput.field("from", "is missing beside to")
    end = min(query.to or now, now + 86_400_000)
    start = max(query.from_, now - _DAY_AND_MORE)
    return between(start, end, now, query.bucket, offset_ms)
