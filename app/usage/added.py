"""Reads rollups: rows or sums of a range, segment by segment, so that each is one walk along the primary key."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import add
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from app.usage.models import Rollup
from app.usage.rollup import SUMS
from app.usage.spans import DAY_MS, Range, Segment

Group = Literal["account", "model", "key"]
GROUPS: tuple[Group, ...] = ("account", "model", "key")
T = Rollup.__table__.c
"""The columns of the rollups. Not the mapped ones: results of the ORM cost more than SQLite does."""
COLUMNS: dict[str, Any] = {"account": T.account_id, "model": T.model, "key": T.key_id}

Values = tuple[int, ...]
"""Sums in the order of `SUMS`."""
ZEROS: Values = (0,) * len(SUMS)
REQUESTS = SUMS.index("requests")


@dataclass(frozen=True, slots=True)
class Narrow:
    """Which sums are meant; what is empty does not matter. Account 0, model "" and key "": not known which."""

    accounts: tuple[int, ...] = ()
    models: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


def summed(
    session: Session,
    segments: Iterable[Segment],
    narrow: Narrow,
    by: Sequence[Any] = (),
    span: Range | None = None,
    names: Sequence[str] = SUMS,
) -> dict[tuple[Any, ...], Values]:
    """Return sums of segments, grouped by columns; every key but a time is text, "" where it is not known.

    `span`: the range whose buckets the first column, a time, is put into. Without groups the only key is ().
    `names`: the sums that are wanted.
    """
    found: dict[tuple[Any, ...], Values] = {}
    skip = len(by)
    sums = [func.sum(T[name]) for name in names]
    for segment in segments:
        columns = list(by)
        if span is not None:
            columns[0] = moment(segment, span, is_sorted=len(by) > 1 and by[1] is not T.account_id)
        statement = _inside(select(*columns, *sums), segment, narrow).group_by(*columns)
        for row in session.connection().execute(statement):
            if row[skip] is None:
                continue
            values = tuple(map(int, row[skip:]))
            if span is None:
                _add(found, tuple(str(one or "") for one in row[:skip]), values)
                continue
            group = tuple(str(one or "") for one in row[1:skip])
            for bucket, sign in segment.places(span, int(row[0])):
                _add(found, (bucket, *group), values if sign > 0 else tuple(-one for one in values))
    return found


def _add(found: dict[tuple[Any, ...], Values], place: tuple[Any, ...], values: Values) -> None:
    found[place] = added(found[place], values) if place in found else values


def moment(segment: Segment, span: Range, is_sorted: bool = True) -> Any:
    """Return the time by which sums of a segment are told apart: no finer than their buckets ask for.

    `is_sorted`: the groups do not come in the order of the primary key, so that fewer of them are cheaper.
    """
    if segment.moved is not None:
        return T.at - T.at % DAY_MS + segment.moved[0]
    if segment.by_noon or not is_sorted:
        return T.at
    return T.at - (T.at + span.offset_ms) % span.bucket_ms


def rows_of(
    session: Session, segments: Iterable[Segment], narrow: Narrow, columns: Sequence[Any]
) -> Iterator[Sequence[Any]]:
    """Yield columns of every row of segments."""
    for segment in segments:
        yield from session.connection().execute(_inside(select(*columns), segment, narrow)).all()


def added(one: Values, other: Values) -> Values:
    """Return both together."""
    return tuple(map(add, one, other))


def in_all(parts: Iterable[Values]) -> Values:
    """Return all together."""
    held = ZEROS
    for part in parts:
        held = added(held, part)
    return held


def _inside(statement: Select[Any], segment: Segment, narrow: Narrow) -> Select[Any]:
    found = statement.where(T.span_ms == segment.span_ms, T.at >= segment.start, T.at < segment.end)
    wanted: tuple[tuple[ColumnElement[Any] | Any, tuple[Any, ...]], ...] = (
        (T.account_id, narrow.accounts),
        (T.model, narrow.models),
        (T.key_id, narrow.keys),
    )
    if segment.moved is not None:
        first, last = segment.moved
        found = found.where(T.at % DAY_MS >= first, T.at % DAY_MS < last)
    for column, values in wanted:
        if values:
            found = found.where(column.in_(values))
    return found
