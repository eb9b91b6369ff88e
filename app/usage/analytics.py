"""Figures over ranges of time: totals with their change, series, shares and percentiles, all read from rollups."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import now_ms
from app.db import reading
from app.errors import InvalidInput
from app.usage.added import (
    COLUMNS,
    GROUPS,
    REQUESTS,
    ZEROS,
    Group,
    Narrow,
    T,
    Values,
    added,
    in_all,
    moment,
    rows_of,
    summed,
)
from app.usage.histogram import Sum
from app.usage.models import Facet
from app.usage.rows import account_labels, key_names
from app.usage.spans import Range, before, cover, cover_buckets
from app.usage.sums import METRICS, Percentiles, Totals, spread, totals

__all__ = [
    "GROUPS",
    "Group",
    "Narrow",
    "Percentiles",
    "Point",
    "Series",
    "Share",
    "Summary",
    "percentiles",
    "series",
    "shares",
    "summary",
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


def summary(span: Range, narrow: Narrow | None = None) -> Summary:
    """Return a range's totals beside those of the range before it. Call inside an app context, off the event loop."""
    narrow, earlier = narrow or Narrow(), before(span, now_ms())
    with reading() as session:
        now_held = totals(summed(session, cover(span), narrow).get((), ZEROS))
        before_held = totals(summed(session, cover(earlier), narrow).get((), ZEROS))
    return Summary(span, now_held, before_held, _change(before_held, now_held))


def totals_of(session: Session, span: Range, narrow: Narrow | None = None) -> Totals:
    """Return a range's totals within the caller's unit of work."""
    return totals(summed(session, cover(span), narrow or Narrow()).get((), ZEROS))


def series(
    span: Range,
    narrow: Narrow | None = None,
    group: Group | None = None,
    metrics: tuple[str, ...] = (),
    cumulative: bool = False,
    most: int = 8,
) -> tuple[Series, ...]:
    """Return the lines of a chart: one, or one for each of the `most` largest groups and one for the others.

    `metrics`: those whose percentiles are wanted. `cumulative`: each point adds up all before it; percentiles are then
    not given. Raises InvalidInput. Call inside an app context, off the event loop.
    """
    _check(group, metrics)
    narrow = narrow or Narrow()
    with reading() as session:
        held = _by_bucket(session, span, narrow, group)
        kept: set[str | None] = _largest(held, most) if group else {None}
        timed = {} if cumulative or not metrics else _timed(session, span, narrow, group, metrics, kept)
        names = _names(session, group)
    lines: dict[str | None, dict[int, Values]] = {value: {} for value in sorted(kept, key=str)}
    for (value, at), values in held.items():
        line = lines.setdefault(value if value in kept else OTHERS, {})
        line[at] = added(line[at], values) if at in line else values
    return tuple(
        Series(
            value,
            names.get(value or "", value or None) if group else None,
            _points(span, line, timed, value, cumulative),
            totals(in_all(line.values())),
        )
        for value, line in lines.items()
    )


def shares(span: Range, group: Group, narrow: Narrow | None = None, most: int = 100) -> tuple[Share, ...]:
    """Return what each account, model or key has of a range, the dearest first. Raises InvalidInput.

    Call inside an app context, off the event loop.
    """
    _check(group, ())
    with reading() as session:
        found = shares_of(session, span, group, narrow or Narrow())
    return found[:most]


def shares_of(session: Session, span: Range, group: Group, narrow: Narrow) -> tuple[Share, ...]:
    """Return the shares within the caller's unit of work."""
    names, column = _names(session, group), COLUMNS[group]
    known = session.execute(select(Facet.value, Facet.provider).where(Facet.kind == group))
    providers = {value: provider for value, provider in known}
    found = [
        Share(value, names.get(value), providers.get(value), totals(values))
        for (value,), values in summed(session, cover(span), narrow, (column,)).items()
    ]
    return tuple(
        sorted(
            found, key=lambda share: (-(share.totals.cost.total_micro_usd or 0), -share.totals.requests, share.value)
        )
    )


def percentiles(span: Range, narrow: Narrow | None = None) -> dict[str, Percentiles]:
    """Return how each metric is spread over a range. Call inside an app context, off the event loop."""
    blobs = tuple(T[column] for column in METRICS.values())
    with reading() as session:
        rows = list(rows_of(session, cover(span), narrow or Narrow(), blobs))
    return {metric: spread(Sum(row[at] for row in rows).counts()) for at, metric in enumerate(METRICS)}


def _check(group: str | None, metrics: tuple[str, ...]) -> None:
    if group is not None and group not in GROUPS:
        raise InvalidInput.field("group", f"give one of {', '.join(GROUPS)}")
    for metric in metrics:
        if metric not in METRICS:
            raise InvalidInput.field("metric", f"give one of {', '.join(METRICS)}")


def _by_bucket(
    session: Session, span: Range, narrow: Narrow, group: Group | None
) -> dict[tuple[str | None, int], Values]:
    """Return (group, bucket) -> sums."""
    by = (T.at,) if group is None else (T.at, COLUMNS[group])
    found: dict[tuple[str | None, int], Values] = {}
    for (at, *value), values in summed(session, cover_buckets(span), narrow, by, span).items():
        place = (value[0] if value else None, int(at))
        found[place] = added(found[place], values) if place in found else values
    return found


def _timed(
    session: Session,
    span: Range,
    narrow: Narrow,
    group: Group | None,
    metrics: tuple[str, ...],
    kept: set[str | None],
) -> dict[tuple[str | None, int], dict[str, Sum]]:
    """Return (group, bucket) -> metric -> histogram."""
    by = T.at if group is None else COLUMNS[group]
    blobs = [T[METRICS[metric]] for metric in metrics]
    found: dict[tuple[str | None, int], dict[str, Sum]] = {}
    for segment in cover_buckets(span):
        gathered: dict[tuple[Any, int], list[Sequence[Any]]] = {}
        for row in rows_of(session, (segment,), narrow, (moment(segment, span), by, *blobs)):
            gathered.setdefault((row[1] if group else None, row[0]), []).append(row)
        for (value, at), rows in gathered.items():
            name = None if group is None else str(value or "")
            for bucket, sign in segment.places(span, at):
                held = found.setdefault((name if name in kept else OTHERS, bucket), {})
                for position, metric in enumerate(metrics, 2):
                    here = held.setdefault(metric, Sum())
                    (here.extend if sign > 0 else here.take)([row[position] for row in rows])
    return found


def _largest(held: dict[tuple[str | None, int], Values], most: int) -> set[str | None]:
    sizes: Counter[str | None] = Counter()
    for (value, _), values in held.items():
        sizes[value] += values[REQUESTS]
    return {value for value, _ in sizes.most_common(most)}


def _names(session: Session, group: Group | None) -> dict[str, str]:
    if group == "key":
        return key_names(session)
    return account_labels(session) if group == "account" else {}


def _points(
    span: Range,
    line: dict[int, Values],
    timed: dict[tuple[str | None, int], dict[str, Sum]],
    value: str | None,
    cumulative: bool,
) -> tuple[Point, ...]:
    points = []
    running = ZEROS
    for at in span.buckets():
        here = line.get(at, ZEROS)
        if cumulative:
            here = running = added(running, here)
        spreads = {metric: spread(one.counts()) for metric, one in timed.get((value, at), {}).items()}
        points.append(Point(at, totals(here), spreads))
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
