"""Reads rollups: rows or sums of a range, segment by segment, so that each is one walk along the primary key."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import add
from typing import Any, Literal

from sqlalchemy import BigInteger, Select, bindparam, func, select
from sqlalchemy.orm import Session

from app.usage.models import Rollup
from app.usage.rollup import SUMS
from app.usage.spans import DAY_MS, Range, Segment, cover_buckets

Group = Literal["account", "model", "key"]
GROUPS: tuple[Group, ...] = ("account", "model", "key")
T = Rollup.__table__.c
"""The columns of the rollups. Not the mapped ones: results of the ORM cost more than SQLite does."""
_COLUMNS: dict[str, Any] = {"account": T.account_id, "model": T.model, "key": T.key_id}

Values = tuple[int, ...]
"""Sums in the order in which they were asked for, if not said otherwise that of `SUMS`."""
ZEROS: Values = (0,) * len(SUMS)

Moment = Literal["at", "bucket", "moved"]
"""The time by which sums of a segment are told apart: their own, their bucket, or the one they are moved to."""


@dataclass(frozen=True, slots=True)
class Narrow:
    """Which sums are meant; what is empty does not matter. Account 0, model "" and key "": not known which."""

    accounts: tuple[int, ...] = ()
    models: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def wanted(self) -> dict[str, tuple[int, ...] | tuple[str, ...]]:
        """The values of each group that matters."""
        every: dict[str, tuple[int, ...] | tuple[str, ...]] = {
            "account": self.accounts,
            "model": self.models,
            "key": self.keys,
        }
        return {group: values for group, values in every.items() if values}


def summed(
    session: Session,
    segments: Iterable[Segment],
    narrow: Narrow,
    by: tuple[Group, ...] = (),
    names: tuple[str, ...] = SUMS,
) -> dict[tuple[str, ...], Values]:
    """Return the sums `names` of segments by groups, each as text, "" where it is not known; without groups by ()."""
    found: dict[tuple[str, ...], list[Values]] = {}
    statement = _sums(None, by, names, tuple(narrow.wanted))
    for segment in segments:
        for row in session.connection().execute(statement, _given(segment, narrow)):
            if row[-1] is not None:  # Without groups, no row adds up to one of nulls.
                found.setdefault(tuple(map(_text, row[: len(by)])), []).append(tuple(map(int, row[len(by) :])))
    return {place: in_all(parts) for place, parts in found.items()}


def summed_by_bucket(
    session: Session, span: Range, narrow: Narrow, by: Group | None = None, names: tuple[str, ...] = SUMS
) -> dict[tuple[str | None, int], Values]:
    """Return the sums `names` of a range by group, None when there is none, and bucket."""
    found: dict[tuple[str | None, int], list[Values]] = {}
    groups = () if by is None else (by,)
    # In the order of the primary key a finer time is cheaper than to sort.
    moment: Moment = "at" if by in (None, "account") else "bucket"
    for segment in cover_buckets(span):
        statement = _sums(_moment(segment, moment), groups, names, tuple(narrow.wanted))
        for at, *row in session.connection().execute(statement, _given(segment, narrow, span)):
            values = tuple(map(int, row[len(groups) :]))
            for bucket, sign in segment.places(span, int(at)):
                place = _text(row[0]) if groups else None, bucket
                found.setdefault(place, []).append(values if sign > 0 else tuple(-one for one in values))
    return {place: in_all(parts) for place, parts in found.items()}


def rows_of(session: Session, segment: Segment, narrow: Narrow, names: tuple[str, ...]) -> Sequence[Sequence[Any]]:
    """Return columns of every row of a segment."""
    statement = _rows(None, None, names, tuple(narrow.wanted))
    return session.connection().execute(statement, _given(segment, narrow)).all()


def rows_by_bucket(
    session: Session, segment: Segment, span: Range, narrow: Narrow, by: Group | None, names: tuple[str, ...]
) -> Sequence[Sequence[Any]]:
    """Return a time in the bucket of every row of a segment, its group as it is stored, if any, and columns."""
    statement = _rows(_moment(segment, "bucket"), by, names, tuple(narrow.wanted))
    return session.connection().execute(statement, _given(segment, narrow, span)).all()


def added(one: Values, other: Values) -> Values:
    """Return both together."""
    return tuple(map(add, one, other))


def in_all(parts: Iterable[Values]) -> Values:
    """Return all together; of nothing there are `ZEROS`."""
    return tuple(map(sum, zip(*parts))) or ZEROS


def _text(value: int | str | None) -> str:
    return str(value or "")


# Building a statement of all sums takes as long as asking it: each is built once.


@lru_cache(maxsize=256)
def _sums(moment: Moment | None, by: tuple[Group, ...], names: tuple[str, ...], wanted: tuple[str, ...]) -> Select[Any]:
    groups = [*_times(moment), *(_COLUMNS[group] for group in by)]
    return _inside(select(*groups, *(func.sum(T[name]) for name in names)), moment, wanted).group_by(*groups)


@lru_cache(maxsize=256)
def _rows(moment: Moment | None, by: Group | None, names: tuple[str, ...], wanted: tuple[str, ...]) -> Select[Any]:
    groups = [_COLUMNS[by]] if by else []
    return _inside(select(*_times(moment), *groups, *(T[name] for name in names)), moment, wanted)


def _moment(segment: Segment, moment: Moment) -> Moment:
    if segment.moved is not None:
        return "moved"
    return "at" if segment.by_noon else moment


def _times(moment: Moment | None) -> list[Any]:
    if moment is None:
        return []
    offset, bucket = _whole("offset_ms"), _whole("bucket_ms")
    times = {
        "at": T.at,
        "bucket": T.at - (T.at + offset) % bucket,
        "moved": T.at - T.at % DAY_MS + _whole("moved_from"),
    }
    return [times[moment]]


def _inside(statement: Select[Any], moment: Moment | None, wanted: tuple[str, ...]) -> Select[Any]:
    found = statement.where(T.span_ms == _whole("span_ms"), T.at >= _whole("start"), T.at < _whole("end"))
    if moment == "moved":
        found = found.where(T.at % DAY_MS >= _whole("moved_from"), T.at % DAY_MS < _whole("moved_to"))
    for group in wanted:
        found = found.where(_COLUMNS[group].in_(bindparam(group, expanding=True)))
    return found


def _whole(name: str) -> Any:
    return bindparam(name, type_=BigInteger)


def _given(segment: Segment, narrow: Narrow, span: Range | None = None) -> dict[str, Any]:
    given: dict[str, Any] = {"span_ms": segment.span_ms, "start": segment.start, "end": segment.end}
    if span is not None:
        given |= {"offset_ms": span.offset_ms, "bucket_ms": span.bucket_ms}
    if segment.moved is not None:
        given |= dict(zip(("moved_from", "moved_to"), segment.moved))
    return given | narrow.wanted
