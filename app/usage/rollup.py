"""What requests add up to by minute, hour, day and week: written with the rows, taken back exactly when one changes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, select, tuple_, update
from sqlalchemy.orm import Session

from app.upserts import add_up
from app.usage import histogram
from app.usage.models import Rollup
from app.usage.spans import MINUTE_MS, SPANS

Row = Mapping[str, Any]
"""The columns of a request."""

Place = tuple[int, int, str, str]
"""Minute, account, model, key."""

KEY = ("span_ms", "at", "account_id", "model", "key_id")
TIMED = ("durations", "first_bytes", "first_tokens", "speeds")
"""The columns that hold histograms."""
SUMS = tuple(column.name for column in Rollup.__table__.columns if column.name not in (*KEY, *TIMED))
"""The columns that are added."""

CLASSES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
"""Of tokens; searches are counted apart."""
OUTCOMES = ("client_gone", "upstream_broke", "refused", "cut_by_shutdown")
CLASS_TOKENS = tuple(f"{name}_tokens" for name in CLASSES)
CLASS_COSTS = (*(f"{name}_cost" for name in CLASSES), "web_search_cost")
"""The columns of both by class, in requests and in rollups."""
_UNKNOWN = [None] * len(CLASSES)
_OF_OUTCOME = {name: tuple(int(name == other) for other in OUTCOMES) for name in OUTCOMES}
_OF_KIND = {kind: tuple(int(kind == other) for other in (2, 3, 4, 5)) for kind in (2, 3, 4, 5)}
_NEITHER = (0, 0, 0, 0)
_NO_COST = (0,) * (len(CLASSES) + 1)
NEEDED = (
    *("id", "started_at", "first_byte_at", "first_token_at", "ended_at", "key_id", "session_id", "agent_id"),
    *("parent_agent_id", "stream", "account_id", "account_name", "provider", "model_used", "status", "outcome"),
    *("worker", "attempts", "is_synthetic", "web_searches", "tokens_per_s", "cost"),
    *CLASS_TOKENS,
    *CLASS_COSTS,
)
"""The columns of a request that sums are made of."""

_CHUNK = 100


@dataclass(slots=True)
class Sums:
    """Some requests of one place: their values in the order of `SUMS`, and a histogram for each of `TIMED`."""

    held: list[Sequence[int]] = field(default_factory=list)
    timed: tuple[Counter[int], ...] = field(default_factory=lambda: tuple(Counter() for _ in TIMED))

    @property
    def values(self) -> list[int]:
        """The sums in the order of `SUMS`."""
        if len(self.held) > 1:
            self.held = [list(map(sum, zip(*self.held)))]
        return list(self.held[0]) if self.held else [0] * len(SUMS)

    def add(self, values: Sequence[int], times: Sequence[int | None], sign: int) -> None:
        """Add one request, or with a `sign` of -1 take it away."""
        self.held.append(values if sign > 0 else [-value for value in values])
        for counts, time in zip(self.timed, times):
            if time is not None:
                counts[histogram.bucket_of(time)] += sign

    def merge(self, other: "Sums") -> None:
        """Add what another one holds."""
        self.held.append(other.values)
        for mine, theirs in zip(self.timed, other.timed):
            for bucket, count in theirs.items():
                mine[bucket] += count


class Changes:
    """What a batch of requests changes in the sums."""

    def __init__(self) -> None:
        self._minutes: dict[Place, Sums] = {}

    def count(self, row: Row, sign: int = 1) -> None:
        """Add an ended request, or take one away that was counted before."""
        started_at = row["started_at"]
        place = (
            started_at - started_at % MINUTE_MS,
            row["account_id"] or 0,
            row["model_used"] or "",
            row["key_id"] or "",
        )
        sums = self._minutes.get(place)
        if sums is None:
            sums = self._minutes[place] = Sums()
        times = _times(row)
        sums.add(_values(row, times), times, sign)

    def write(self, session: Session, only_existing: bool = False) -> None:
        """Add everything to the tables within the caller's transaction.

        `only_existing`: leave out the spans whose sums were forgotten since.
        """
        found = sorted(self._by_span().items())
        changed = [(key, sums) for key, sums in found if any(sums.values) or any(map(any_count, sums.timed))]
        for begin in range(0, len(changed), _CHUNK):
            _write(session, changed[begin : begin + _CHUNK], only_existing)

    def _by_span(self) -> dict[tuple[Any, ...], Sums]:
        spans: dict[tuple[Any, ...], Sums] = {}
        for (minute, *place), sums in self._minutes.items():
            for span_ms in SPANS:
                key = (span_ms, minute - minute % span_ms, *place)
                if key in spans:
                    spans[key].merge(sums)
                else:
                    spans[key] = Sums([sums.values], tuple(map(Counter, sums.timed)))
        return spans


def any_count(counts: Mapping[int, int]) -> bool:
    """Whether a histogram counts anything, or takes anything away."""
    return any(counts.values())


def _write(session: Session, changed: list[tuple[tuple[Any, ...], Sums]], only_existing: bool) -> None:
    rows = [dict(zip(KEY, key)) | dict(zip(SUMS, sums.values)) for key, sums in changed]
    if only_existing:
        session.connection().execute(_MORE, [{f"of_{name}": row.pop(name) for name in KEY} | row for row in rows])
    else:
        add_up(session, Rollup, rows, list(KEY), {})
    # The rows are locked by now (PostgreSQL) or the database is (SQLite): nobody changes the histograms meanwhile.
    timed = [(key, sums) for key, sums in changed if any(map(any_count, sums.timed))]
    if not timed:
        return
    connection = session.connection()
    found = connection.execute(_STORED, {"keys": [key for key, _ in timed]})
    stored = {tuple(row[: len(KEY)]): row[len(KEY) :] for row in found}
    merged = [
        {f"of_{name}": part for name, part in zip(KEY, key)} | dict(zip(TIMED, _merged(stored[key], sums.timed)))
        for key, sums in timed
        if key in stored
    ]
    if merged:
        connection.execute(_TIMES, merged)


def _merged(stored: Iterable[bytes | None], changes: Iterable[Counter[int]]) -> Iterable[bytes | None]:
    for blob, change in zip(stored, changes):
        counts = Counter(histogram.unpack(blob))
        for bucket, count in change.items():
            counts[bucket] += count
        yield histogram.pack(counts)


_PLACE = [Rollup.__table__.c[name] for name in KEY]
_STORED = select(*_PLACE, *(Rollup.__table__.c[name] for name in TIMED)).where(
    tuple_(*_PLACE).in_(bindparam("keys", expanding=True))
)
_HERE = [Rollup.__table__.c[name] == bindparam(f"of_{name}") for name in KEY]
_TIMES = update(Rollup.__table__).where(*_HERE).values({name: bindparam(name) for name in TIMED})  # type: ignore[arg-type]
_MORE = (
    update(Rollup.__table__)  # type: ignore[arg-type]
    .where(*_HERE)
    .values({name: Rollup.__table__.c[name] + bindparam(name) for name in SUMS})
)


def _times(row: Row) -> tuple[int | None, int | None, int | None, int | None]:
    """Return what is counted in the histograms: milliseconds, and tokens per second.

    What ended and still has a worker was closed after that had died: its end is not known.
    """
    started_at, speed = row["started_at"], row["tokens_per_s"]
    return (
        since(started_at, row["ended_at"]) if row["worker"] is None else None,
        since(started_at, row["first_byte_at"]),
        since(started_at, row["first_token_at"]),
        None if speed is None else round(speed),
    )


def since(start: int, end: int | None) -> int | None:
    """Return the milliseconds between two times, none below zero; None where the end is not known."""
    return None if end is None else max(0, end - start)


def _values(row: Row, times: Sequence[int | None]) -> list[int]:
    """Return the sums of one request, in the order of `SUMS`."""
    status, outcome, cost = row["status"], row["outcome"], row["cost"]
    hundreds = (status or 0) // 100
    tokens = [row[name] for name in CLASS_TOKENS]
    is_metered = tokens != _UNKNOWN
    is_priced = cost is not None
    duration, first_byte, first_token, _ = times
    speed = row["tokens_per_s"]
    return [
        1,
        1 if outcome == "complete" and status is not None and status < 400 else 0,
        *_OF_OUTCOME.get(outcome, _NEITHER),
        *_OF_KIND.get(hundreds, _NEITHER),
        1 if status == 429 else 0,
        1 if row["stream"] else 0,
        1 if row["is_synthetic"] else 0,
        row["attempts"],
        1 if row["attempts"] > 1 else 0,
        1 if is_metered else 0,
        *[0 if count is None else 1 for count in tokens],
        *[count or 0 for count in tokens],
        row["web_searches"] or 0,
        1 if is_priced else 0,
        1 if is_metered and not is_priced else 0,
        *([row[name] or 0 for name in CLASS_COSTS] if is_priced else _NO_COST),
        cost or 0,
        0 if duration is None else 1,
        duration or 0,
        0 if first_byte is None else 1,
        first_byte or 0,
        0 if first_token is None else 1,
        first_token or 0,
        0 if speed is None else 1,
        0 if speed is None else round(speed * 1000),
    ]
