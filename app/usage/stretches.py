"""Where requests of a filter can be at all: the days that the sums know of; no search walks through the others."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from app.clock import now_ms
from app.usage.added import T
from app.usage.spans import DAY_MS
from app.values import first_id, time_of

_CLASSES = {2: T.status_2xx, 3: T.status_3xx, 4: T.status_4xx, 5: T.status_5xx}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which requests are meant; what is empty or None does not matter. Several values of one kind: any of them.

    `start` is inclusive, `end` exclusive. `outcomes`: also `running`. `failed`: an outcome other than `complete`, or
    a status of 400 or more. `text`: an id of a request (ours or the upstream's), the beginning of a session's or an
    agent's id, else a part of the error.
    """

    start: int | None = None
    end: int | None = None
    accounts: tuple[int, ...] = ()
    models: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    outcomes: tuple[str, ...] = ()
    failed: bool | None = None
    session_id: str | None = None
    agent_id: str | None = None
    synthetic: bool | None = None
    text: str | None = None
    request_id: int | None = None


def stretches(session: Session, wanted: Filter, lowest: int, highest: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of ids (inclusive, exclusive), newest first, outside of which nothing matches.

    Sums know ended requests only: of the last two days, where others may run, nothing is left out.
    """
    conditions = _conditions(wanted)
    recent = now_ms() // DAY_MS * DAY_MS - DAY_MS
    is_elsewhere = "running" in wanted.outcomes or wanted.session_id or wanted.agent_id or wanted.request_id is not None
    if len(conditions) < 2 or is_elsewhere:
        yield lowest, highest
        return
    if highest > first_id(recent):
        yield max(lowest, first_id(recent)), highest
    newest = min(recent - 1, time_of(highest))
    days = select(T.at).where(T.span_ms == DAY_MS, T.at >= time_of(lowest) - DAY_MS, T.at <= newest, *conditions)
    for first, last in _runs(session.connection().execute(days.distinct().order_by(T.at.desc())).scalars().all()):
        low, high = max(lowest, first_id(first)), min(highest, first_id(min(last + DAY_MS, recent)))
        if low < high:
            yield low, high


def _runs(days: Any) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of the days that follow each other; they come newest first."""
    first = last = None
    for day in days:
        if first is None or last is None:
            first = last = day
        elif day == first - DAY_MS:
            first = day
        else:
            yield first, last
            first = last = day
    if first is not None and last is not None:
        yield first, last


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    """Return what the sums of a day must satisfy where one of its requests matches."""
    found: list[ColumnElement[bool]] = []
    for column, values in ((T.account_id, wanted.accounts), (T.model, wanted.models), (T.key_id, wanted.keys)):
        if values:
            found.append(column.in_(values))
    if wanted.statuses and all(status // 100 in _CLASSES for status in wanted.statuses):
        kinds = {status // 100 for status in wanted.statuses if status != 429}
        columns = [_CLASSES[kind] for kind in sorted(kinds)] + ([T.status_429] if 429 in wanted.statuses else [])
        found.append(or_(*(column > 0 for column in columns)))
    if wanted.outcomes and all(one in T for one in wanted.outcomes):
        found.append(or_(*(T[one] > 0 for one in wanted.outcomes)))
    if wanted.failed:
        found.append(T.requests > T.succeeded)
    if wanted.synthetic:
        found.append(T.synthetic > 0)
    return found
