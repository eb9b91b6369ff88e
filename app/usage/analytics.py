"""Figures over ranges of time: totals with their change, series, shares and percentiles, all read from rollups."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now_ms
from app.db import reading
from app.errors import InvalidInput
from app.usage.added import (
    GROUPS,
    ZEROS,
    Group,
    Narrow,
    Values,
    added,
    in_all,
    rows_by_bucket,
    rows_of,
    summed,
    summed_by_bucket,
)
from app.usage.histogram import Sum
from app.usage.models import Facet
from app.usage.rollup import SUMS
from app.usage.rows import account_labels, key_names
from app.usage.spans import Range, before, cover, cover_buckets
from app.usage.sums import METRICS, Percentiles, Totals, spread, sums_of, totals

__all__ = [
    "GROUPS",
    "Group",
    "Narrow",
    "Percentiles",
    "Point",
    "Series",
    "Share",
    "Summary",
    "asked_in",
    "divided",
    "in_range",
    "percentiles",
    "series",
]

OTHERS = "others"
"""Stands for all groups beyond the largest."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A range added up, beside the range of the same length before it. `change`: of each figure, as a fraction of what
    it was (0.1 is 10 % more); a figure that was not known or zero has no change."""

    span: Range
    totals: Totals
    before: Totals
    change: dict[str, float]


@dataclass(frozen=True, slots=True)
class Point:
    """One bucket of a series. `percentiles` by metric, where they were asked for."""

    at: int
    totals: Totals
    percentiles: dict[str, Percentiles]


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: a point for every bucket. `name`: as people know the group; None: the only line.

    `totals` is what the points add up to.
    """

    value: str | None
    name: str | None
    points: tuple[Point, ...]
    totals: Totals


@dataclass(frozen=True, slots=True)
class Share:
    """What one account, model or key has of a range. `name` None: it is not known which."""

    value: str
    name: str | None
    provider: str | None
    totals: Totals


def divided(
    span: Range, groups: tuple[Group, ...], narrow: Narrow | None = None
) -> tuple[Summary, tuple[tuple[Share, ...], ...]]:
    """Return a range's summary, and for each of `groups` how it divides, the dearest first: all of one read.

    Call inside an app context, off the event loop.
    """
    narrow, earlier = narrow or Narrow(), before(span, now_ms())
    with reading() as session:
        held = summed(session, cover(span), narrow, groups)
        now_held = totals(in_all(held.values()))
        before_held = totals_of(session, earlier, narrow)
        parts = tuple(_shares(session, held, at, group) for at, group in enumerate(groups))
    return Summary(span, now_held, before_held, _change(before_held, now_held)), parts


def in_range(span: Range) -> Totals:
    """Return what all requests of a range add up to. Call inside an app context, off the event loop."""
    with reading() as session:
        return totals_of(session, span)


def asked_in(span: Range) -> Totals:
    """Return the same without what was refused before any account was asked, for want of a key for example."""
    with reading() as session:
        return asked_of(session, span)


def totals_of(session: Session, span: Range, narrow: Narrow | None = None) -> Totals:
    """Return a range's totals within the caller's unit of work."""
    return totals(summed(session, cover(span), narrow or Narrow()).get((), ZEROS))


def asked_of(session: Session, span: Range) -> Totals:
    """Return `asked_in` within the caller's unit of work."""
    held = summed(session, cover(span), Narrow(), ("account",))
    found, unserved = totals(in_all(held.values())), totals(held.get(("",), ZEROS)).statuses
    # The accounts' own refusals are told with 429 or 503 where none of them answered.
    refused = unserved.get("4xx", 0) - unserved.get("429", 0)
    asked = found.requests - refused
    return replace(
        found, requests=asked, failed=found.failed - refused, success_rate=found.succeeded / asked if asked else None
    )


def shares_of(session: Session, span: Range, group: Group) -> tuple[Share, ...]:
    """Return what each account, model or key has of a range, the dearest first, within the caller's unit of work."""
    return _shares(session, summed(session, cover(span), Narrow(), (group,)), 0, group)


def series(
    span: Range,
    narrow: Narrow | None = None,
    group: Group | None = None,
    metrics: tuple[str, ...] = (),
    cumulative: bool = False,
    most: int = 8,
    figures: Iterable[str] | None = None,
) -> tuple[Series, ...]:
    """Return the lines of a chart: one, or one for each of the `most` largest groups and one for the others.

    `metrics`: those whose percentiles are wanted. `cumulative`: each point adds up all before it; percentiles are then
    not given. `figures`: those of `FIGURES` that are wanted, all others are left at nothing; None: all there are.
    Raises InvalidInput. Call inside an app context, off the event loop.
    """
    _check(group, metrics)
    narrow = narrow or Narrow()
    names = SUMS if figures is None else sums_of(("requests", *figures))
    with reading() as session:
        held = summed_by_bucket(session, span, narrow, group, names)
        kept: set[str | None] = _largest(held, names.index("requests"), most) if group else {None}
        timed = {} if cumulative or not metrics else _timed(session, span, narrow, group, metrics, kept)
        labels = _labels(session, group)
    lines: dict[str | None, dict[int, Values]] = {value: {} for value in sorted(kept, key=str)}
    for (value, at), values in held.items():
        line = lines.setdefault(value if value in kept else OTHERS, {})
        line[at] = added(line[at], values) if at in line else values
    return tuple(
        Series(
            value,
            labels.get(value or "", value or None) if group else None,
            _points(span, line, names, timed, value, cumulative),
            totals(in_all(line.values()), names),
        )
        for value, line in lines.items()
    )


def percentiles(span: Range, narrow: Narrow | None = None) -> dict[str, Percentiles]:
    """Return how each metric is spread over a range. Call inside an app context, off the event loop."""
    with reading() as session:
        rows = [
            row
            for segment in cover(span)
            for row in rows_of(session, segment, narrow or Narrow(), tuple(METRICS.values()))
        ]
    return {metric: spread(Sum(row[at] for row in rows).counts()) for at, metric in enumerate(METRICS)}


def _check(group: str | None, metrics: tuple[str, ...]) -> None:
    if group is not None and group not in GROUPS:
        raise InvalidInput.field("group", f"give one of {', '.join(GROUPS)}")
    for metric in metrics:
        if metric not in METRICS:
            raise InvalidInput.field("metric", f"give one of {', '.join(METRICS)}")


def _timed(
    session: Session,
    span: Range,
    narrow: Narrow,
    group: Group | None,
    metrics: tuple[str, ...],
    kept: set[str | None],
) -> dict[tuple[str | None, int], dict[str, Sum]]:
    """Return (group, bucket) -> metric -> histogram."""
    columns = tuple(METRICS[metric] for metric in metrics)
    skip = 1 if group is None else 2
    found: dict[tuple[str | None, int], dict[str, Sum]] = {}
    for segment in cover_buckets(span):
        gathered: dict[tuple[Any, ...], list[Sequence[Any]]] = {}
        for row in rows_by_bucket(session, segment, span, narrow, group, columns):
            gathered.setdefault(tuple(row[:skip]), []).append(row)
        for (at, *value), rows in gathered.items():
            name = str(value[0] or "") if value else None
            for bucket, sign in segment.places(span, at):
                held = found.setdefault((name if name in kept else OTHERS, bucket), {})
                for position, metric in enumerate(metrics, skip):
                    here = held.setdefault(metric, Sum())
                    (here.extend if sign > 0 else here.take)([row[position] for row in rows])
    return found


def _largest(held: dict[tuple[str | None, int], Values], requests: int, most: int) -> set[str | None]:
    sizes: Counter[str | None] = Counter()
    for (value, _), values in held.items():
        sizes[value] += values[requests]
    return {value for value, _ in sizes.most_common(most)}


def _shares(session: Session, held: Mapping[tuple[str, ...], Values], at: int, group: Group) -> tuple[Share, ...]:
    """Return what each value of the group at this place of the keys has."""
    labels = _labels(session, group)
    known = session.execute(select(Facet.value, Facet.provider).where(Facet.kind == group))
    providers = {value: provider for value, provider in known}
    divided_up: dict[str, list[Values]] = {}
    for place, values in held.items():
        divided_up.setdefault(place[at], []).append(values)
    found = [
        Share(value, labels.get(value), providers.get(value), totals(in_all(parts)))
        for value, parts in divided_up.items()
    ]
    return tuple(
        sorted(
            found, key=lambda share: (-(share.totals.cost.total_micro_usd or 0), -share.totals.requests, share.value)
        )
    )


def _labels(session: Session, group: Group | None) -> dict[str, str]:
    if group == "key":
        return key_names(session)
    return account_labels(session) if group == "account" else {}


def _points(
    span: Range,
    line: dict[int, Values],
    names: tuple[str, ...],
    timed: dict[tuple[str | None, int], dict[str, Sum]],
    value: str | None,
    cumulative: bool,
) -> tuple[Point, ...]:
    points = []
    nothing = running = (0,) * len(names)
    for at in span.buckets():
        here = line.get(at, nothing)
        if cumulative:
            here = running = added(running, here)
        spreads = {metric: spread(one.counts()) for metric, one in timed.get((value, at), {}).items()}
        points.append(Point(at, totals(here, names), spreads))
    return tuple(points)


def _change(earlier: Totals, later: Totals) -> dict[str, float]:
    """Return by how much each plain figure changed."""
    change = {}
    for one in fields(Totals):
        old, new = getattr(earlier, one.name), getattr(later, one.name)
        if isinstance(old, int | float) and isinstance(new, int | float) and old:
            change[one.name] = new / old - 1
    old_cost, new_cost = earlier.cost.total_micro_usd, later.cost.total_micro_usd
    if old_cost and new_cost is not None:
        change["cost"] = new_cost / old_cost - 1
    if earlier.tokens.total and later.tokens.total is not None:
        change["tokens"] = later.tokens.total / earlier.tokens.total - 1
    return change
