"""What changes among the requests, as it happens: every start and every end has a number, in the order of commits.

The ingester numbers changes in the transaction that stores them, under the lock of one counter, so that a larger number
is never seen before a smaller one, however many ingesters and workers there are. The newest changes are kept for
readers that come back.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.db import Model, Pulse, offload, reading
from app.upserts import insert_new
from app.usage.models import Request
from app.usage.rows import COLUMNS, RequestRow, key_names, request_rows

KEPT = 10_000
"""How many changes are kept."""
READ_EVERY_S = 0.25
_MOST = 500
"""How many changes a reader gets at once, and how far one that comes back may lie behind."""
_HELD = 2000
_TOPIC = "requests"


class RequestChange(Model):
    """One request that began or ended."""

    __tablename__ = "request_changes"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    request_id: Mapped[int]


@dataclass(frozen=True, slots=True)
class Change:
    """A request as it is now; `number` is that of its newest change."""

    number: int
    request: RequestRow


@dataclass(frozen=True, slots=True)
class News:
    """What changed since a number, oldest first. `number`: how far this goes. `is_gap`: more changed than is told."""

    changes: tuple[Change, ...]
    number: int
    is_gap: bool = False


def note_changes(session: Session, request_ids: Iterable[int]) -> None:
    """Number changes within the caller's transaction; call at its end, since the counter stays locked until then."""
    ids = list(request_ids)
    if not ids:
        return
    connection = session.connection()
    last = connection.execute(_COUNT, {"more": len(ids)}).scalar_one()
    first = last - len(ids) + 1
    rows = [{"number": first + at, "request_id": request_id} for at, request_id in enumerate(ids)]
    insert_new(session, RequestChange, rows, ["number"])
    connection.execute(_FORGET, {"last": last - KEPT})


_COUNT = (
    update(Pulse.__table__)  # type: ignore[arg-type]
    .where(Pulse.topic == _TOPIC)
    .values(beats=Pulse.beats + bindparam("more"))
    .returning(Pulse.beats)
)
_FORGET = delete(RequestChange.__table__).where(RequestChange.number <= bindparam("last"))  # type: ignore[arg-type]


def newest() -> int:
    """Return the number of the newest change. Call inside an app context."""
    with reading() as session:
        return _newest(session)


def news_since(number: int) -> News:
    """Read what changed since a number from the database. Call inside an app context."""
    with reading() as session:
        last = _newest(session)
        if number >= last:
            return News((), last)
        oldest = session.execute(select(func.min(RequestChange.number))).scalar() or last + 1
        if number < oldest - 1 or last - number > _MOST:
            return News((), last, is_gap=True)
        numbered = select(RequestChange.request_id, RequestChange.number).where(
            RequestChange.number > number, RequestChange.number <= last
        )
        by_id = {request_id: at for request_id, at in session.execute(numbered.order_by(RequestChange.number))}
        found = session.execute(select(*COLUMNS).where(Request.id.in_(by_id))).all()
        rows = request_rows(found, key_names(session))
    changes = sorted((Change(by_id[row.id], row) for row in rows), key=lambda one: one.number)
    return News(tuple(changes), last)


class Feed:
    """The newest changes as one process knows them: whoever looks first reads for all who look within a moment.

    Lives on the event loop. Nobody looks: nothing is read.
    """

    def __init__(self) -> None:
        self._held: deque[Change] = deque(maxlen=_HELD)
        self._from = 0
        """Changes above this number are held."""
        self._to: int | None = None
        self._read_at = 0.0
        self._is_reading = False

    def since(self, number: int | None) -> News:
        """Return what changed since a number; None: only how far it has come. Call inside an app context."""
        self._read()
        to = self._to
        if to is None:
            return News((), offload(newest) if number is None else number)
        if number is None:
            return News((), to)
        if number < self._from:
            return offload(news_since, number)
        if number > to:
            # Told by a worker that has read since this one did, or by another database.
            last = offload(newest)
            return News((), min(number, last), is_gap=number > last)
        return News(tuple(change for change in self._held if change.number > number), to)

    def _read(self) -> None:
        """Read what is new, unless somebody does or just did."""
        if self._is_reading or (self._to is not None and monotonic() - self._read_at < READ_EVERY_S):
            return
        self._is_reading = True
        try:
            if self._to is None:
                self._from = self._to = offload(newest)
            else:
                self._adopt(offload(news_since, self._to))
            self._read_at = monotonic()
        finally:
            self._is_reading = False

    def _adopt(self, news: News) -> None:
        if news.is_gap:
            self._held.clear()
            self._from = news.number
        for change in news.changes:
            if len(self._held) == _HELD:
                self._from = self._held[0].number
            self._held.append(change)
        self._to = news.number


def _newest(session: Session) -> int:
    return session.execute(select(Pulse.beats).where(Pulse.topic == _TOPIC)).scalar() or 0
