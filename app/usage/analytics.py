"""Figures over ranges of time: totals with their change, series, shares and percentiles, all read from rollups."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from app.clock import now_ms
from app.db import reading
from app.errors import InvalidInput
from app.usage.histogram import Sum
from app.usage.models import Facet, Rollup
from app.usage.rollup import SUMS
from app.usage.rows import account_labels, key_names
from app.usage.spans import Range, Segment, before, cover
from app.usage.sums import METRICS, NO_SUMS, Percentiles, Totals, spread, totals

Group = Literal["account", "model", "key"]
GROUPS: tuple[Group, ...] = ("account", "model", "key")
_COLUMNS: dict[str, Any] = {"account": Rollup.account_id, "model": Rollup.model, "key": Rollup.key_id}

SUMMED = tuple(func.sum(getattr(Rollup, name)).label(name) for name in SUMS)
"""What a query selects that `totals` reads."""

OTHERS = "others"
"""Stands for all groups beyond the largest."""


@dataclass(frozen=True, slots=True)
class Narrow:
    """Which sums are meant; what is empty does not matter. Account 0, model "" and key "": not known which."""

    accounts: tuple[int, ...] = ()
    models: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


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
        now_held = totals(_sums(session, span, narrow))
        before_held = totals(_sums(session, earlier, narrow))
    return Summary(span, now_held, before_held, _change(before_held, now_held))


def totals_of(session: Session, span: Range, narrow: Narrow | None = None) -> Totals:
    """Return a range's totals within the caller's unit of work."""
    return totals(_sums(session, span, narrow or Narrow()))


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
    lines: dict[str | None, dict[int, Counter[str]]] = {value: {} for value in sorted(kept, key=str)}
    for (value, at), sums in held.items():
        line = lines.setdefault(value if value in kept else OTHERS, {})
        line.setdefault(at, Counter()).update(sums)
    return tuple(
        Series(
            value,
            names.get(value or "", value or None) if group else None,
            _points(span, line, timed, value, cumulative),
            totals(_added(line.values())),
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
    names, column = _names(session, group), _COLUMNS[group]
    known = session.execute(select(Facet.value, Facet.provider).where(Facet.kind == group))
    providers = {value: provider for value, provider in known}
    statement = select(column, *SUMMED).where(inside_of(span, narrow)).group_by(column)
    found = [
        Share(str(row[0] or ""), names.get(str(row[0] or "")), providers.get(str(row[0])), totals(row._mapping))  # noqa: SLF001 - SQLAlchemy's own name
        for row in session.execute(statement)
    ]
    return tuple(
        sorted(
            found, key=lambda share: (-(share.totals.cost.total_micro_usd or 0), -share.totals.requests, share.value)
        )
    )


def percentiles(span: Range, narrow: Narrow | None = None) -> dict[str, Percentiles]:
    """Return how each metric is spread over a range. Call inside an app context, off the event loop."""
    blobs = select(*(getattr(Rollup, column) for column in METRICS.values()))
    sums = tuple(Sum() for _ in METRICS)
    with reading() as session:
        for row in session.execute(blobs.where(inside_of(span, narrow or Narrow()))):
            for one, blob in zip(sums, row):
                one.add(blob)
    return {metric: spread(one.counts()) for metric, one in zip(METRICS, sums)}


def _check(group: str | None, metrics: tuple[str, ...]) -> None:
    if group is not None and group not in GROUPS:
        raise InvalidInput.field("group", f"give one of {', '.join(GROUPS)}")
    for metric in metrics:
        if metric not in METRICS:
            raise InvalidInput.field("metric", f"give one of {', '.join(METRICS)}")


def inside_of(
    span: Range, narrow: Narrow | None = None, segments: tuple[Segment, ...] | None = None
) -> ColumnElement[bool]:
    """Return the condition that exactly the sums of a range satisfy."""
    covered = cover(span) if segments is None else segments
    parts = [and_(Rollup.span_ms == one.span_ms, Rollup.at >= one.start, Rollup.at < one.end) for one in covered]
    wanted: list[ColumnElement[bool]] = [or_(*parts)]
    narrow = narrow or Narrow()
    for column, values in (
        (Rollup.account_id, narrow.accounts),
        (Rollup.model, narrow.models),
        (Rollup.key_id, narrow.keys),
    ):
        if values:
            wanted.append(column.in_(values))
    return and_(*wanted)


def _sums(session: Session, span: Range, narrow: Narrow) -> Any:
    return session.execute(select(*SUMMED).where(inside_of(span, narrow))).one()._mapping  # noqa: SLF001 - as above


def _by_bucket(
    session: Session, span: Range, narrow: Narrow, group: Group | None
) -> dict[tuple[str | None, int], dict[str, int]]:
    """Return (group, bucket) -> sums."""
    bucket = _bucket(span)
    by = [bucket] if group is None else [bucket, _COLUMNS[group]]
    statement = select(*by, *SUMMED).where(inside_of(span, narrow, cover(span, by_bucket=True))).group_by(*by)
    skip = len(by)
    return {
        (None if group is None else str(row[1] or ""), int(row[0])): dict(zip(SUMS, map(int, row[skip:])))
        for row in session.execute(statement)
    }


def _bucket(span: Range) -> ColumnElement[int]:
    return Rollup.at - (Rollup.at + span.offset_ms) % span.bucket_ms


def _timed(
    session: Session,
    span: Range,
    narrow: Narrow,
    group: Group | None,
    metrics: tuple[str, ...],
    kept: set[str | None],
) -> dict[tuple[str | None, int], dict[str, Sum]]:
    """Return (group, bucket) -> metric -> histogram."""
    found: dict[tuple[str | None, int], dict[str, Sum]] = {}
    by = Rollup.at if group is None else _COLUMNS[group]
    blobs = [getattr(Rollup, METRICS[metric]) for metric in metrics]
    wanted = select(Rollup.at, by, *blobs).where(inside_of(span, narrow, cover(span, by_bucket=True)))
    for at, value, *parts in session.execute(wanted):
        name = None if group is None else str(value or "")
        place = (name if name in kept else OTHERS, span.bucket_of(at))
        held = found.get(place)
        if held is None:
            held = found[place] = {metric: Sum() for metric in metrics}
        for metric, blob in zip(metrics, parts):
            held[metric].add(blob)
    return found


def _largest(held: dict[tuple[str | None, int], dict[str, int]], most: int) -> set[str | None]:
    sizes: Counter[str | None] = Counter()
    for (value, _), sums in held.items():
        sizes[value] += sums["requests"]
    return {value for value, _ in sizes.most_common(most)}


def _names(session: Session, group: Group | None) -> dict[str, str]:
    if group == "key":
        return key_names(session)
    return account_labels(session) if group == "account" else {}


def _points(
    span: Range,
    line: dict[int, Counter[str]],
    timed: dict[tuple[str | None, int], dict[str, Sum]],
    value: str | None,
    cumulative: bool,
) -> tuple[Point, ...]:
    points = []
    running: Counter[str] = Counter()
    for at in span.buckets():
        here = line.get(at, Counter())
        running.update(here)
        spreads = {metric: spread(one.counts()) for metric, one in timed.get((value, at), {}).items()}
        points.append(Point(at, totals(NO_SUMS | (running if cumulative else here)), spreads))
    return tuple(points)


def _added(parts: Iterable[Counter[str]]) -> dict[str, int]:
    added: Counter[str] = Counter()
    for part in parts:
        added.update(part)
    return NO_SUMS | added


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
