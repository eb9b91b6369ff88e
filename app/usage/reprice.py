"""Compute costs anew, with today's table and the operator's prices; every sum follows. Interrupted, it goes on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from app.audit import Actor, note
from app.clock import now_ms
from app.db import reading, transaction
from app.errors import InvalidInput
from app.upserts import insert_new, upsert
from app.usage.ledger import Ledger
from app.usage.models import Mark, Request
from app.usage.prices import overrides
from app.usage.pricing import Rates, price
from app.usage.rollup import NEEDED
from app.usage.storing import COSTS, TOKENS, cost_columns
from app.values import Tokens, first_id, time_of

_BATCH = 1000
_ASKED = "reprice asked"


@dataclass(frozen=True, slots=True)
class Repriced:
    """How far it has come. `before` and `after`: the known cost, in micro-USD, of the requests seen by now.

    `share`: of the ids to look at (0-1). `is_done`: there are no more.
    """

    seen: int
    changed: int
    before_micro_usd: int
    after_micro_usd: int
    share: float
    is_done: bool


@dataclass(frozen=True, slots=True)
class Repricing:
    """Requests that somebody asked to be priced anew: begun from `start` (inclusive) to `end` (exclusive).

    `share`: how much of it is done (0-1).
    """

    start: int
    end: int
    share: float


@dataclass(frozen=True, slots=True)
class _Course:
    """From an id to an id, both exclusive, under the name of the mark that knows how far it has come."""

    name: str
    above: int
    below: int

    def share(self, position: int) -> float:
        return min(1.0, max(0.0, (position - self.above) / max(1, self.below - self.above)))


_NOTHING = Repriced(0, 0, 0, 0, 0.0, is_done=False)


def reprice(
    actor: Actor, since: int | None = None, until: int | None = None, *, restart: bool = False
) -> Iterator[Repriced]:
    """Price every request that began in a time anew, in short transactions; yield after each.

    It begins where an earlier run over the same requests was interrupted, unless `restart`. A cost that the tokens'
    prices no longer give becomes unknown. Raises InvalidInput. Call inside an app context, off the event loop.
    """
    start, end = _bounds(since, until)
    name = f"reprice since {since or 0}{'' if until is None else f' until {until}'}"
    course = _Course(name, first_id(start) - 1, first_id(end))
    with transaction() as session:
        note(session, actor, "price.reprice", None, name)
        (upsert if restart else insert_new)(session, Mark, [_mark(course)], ["name"])
    return _steps(course)


def ask(actor: Actor, since: int | None = None, until: int | None = None) -> None:
    """Ask that every request that began in a time is priced anew, by whoever runs what was asked for.

    It takes the place of what was asked for within that time and has not ended. Raises InvalidInput. Call inside an
    app context, off the event loop.
    """
    start, end = _bounds(since, until)
    course = _Course(f"{_ASKED} {start} {end}", first_id(start) - 1, first_id(end))
    with transaction() as session:
        covered = [
            one.name
            for one in _asked(session)
            if (since is None or course.above <= one.above) and (until is None or one.below <= course.below)
        ]
        session.execute(delete(Mark).where(Mark.name.in_(covered)))
        note(session, actor, "price.reprice", None, f"reprice since {since or 0} until {end}")
        insert_new(session, Mark, [_mark(course)], ["name"])


def asked() -> tuple[Repricing, ...]:
    """Return what was asked for and has not ended, the oldest requests first. Call inside an app context."""
    with reading() as session:
        return tuple(
            Repricing(time_of(one.above + 1), time_of(one.below), one.share(position))
            for one, position in _asked(session).items()
        )


def next_asked() -> Iterator[Repriced] | None:
    """Return the run of what was asked for, one of it; None when there is nothing left."""
    with reading() as session:
        course = next(iter(_asked(session)), None)
    return None if course is None else _steps(course)


def _bounds(since: int | None, until: int | None) -> tuple[int, int]:
    """Return from when to when there are requests, within a time."""
    with reading() as session:
        ids = [
            session.execute(select(Request.id).order_by(order).limit(1)).scalar()
            for order in (Request.id, Request.id.desc())
        ]
    now = now_ms()
    oldest, newest = (now if one is None else time_of(one) for one in ids)
    if since is not None and since > max(now, newest):
        raise InvalidInput.field("from", "lies in the future")
    if since is not None and until is not None and since >= until:
        raise InvalidInput.field("from", "lies not before to")
    end = newest + 1 if until is None else min(until, max(now, newest) + 1)
    start = oldest if since is None else since
    return min(start, end), end


def _asked(session: Session) -> dict[_Course, int]:
    """Return what was asked for and has not ended, with how far it has come."""
    rows = session.execute(select(Mark.name, Mark.position).where(Mark.name.startswith(f"{_ASKED} ")))
    found = {}
    for name, position in rows:
        start, end = map(int, name.removeprefix(_ASKED).split())
        found[_Course(name, first_id(start) - 1, first_id(end))] = position
    return dict(sorted(found.items(), key=lambda one: one[0].above))


def _mark(course: _Course) -> dict[str, Any]:
    return {"name": course.name, "position": course.above, "changed_at": now_ms()}


def _steps(course: _Course) -> Iterator[Repriced]:
    done = _NOTHING
    while not done.is_done:
        with transaction() as session:
            done = _step(session, course, done)
        yield done


def _step(session: Session, course: _Course, done: Repriced) -> Repriced:
    """Price the next requests after the mark; without one, another run has ended this or taken its place."""
    mark = session.get(Mark, course.name, with_for_update=True)
    if mark is None:
        return replace(done, share=1.0, is_done=True)
    rows = _rows(session, mark.position, course.below)
    done = _batch(session, rows, done)
    if not rows:
        session.delete(mark)
        return replace(done, share=1.0, is_done=True)
    mark.position, mark.changed_at = rows[-1]["id"], now_ms()
    return replace(done, share=course.share(mark.position))


def _rows(session: Session, above: int, below: int) -> list[Mapping[str, Any]]:
    columns = [Request.__table__.c[name] for name in dict.fromkeys((*NEEDED, *COSTS))]
    following = select(*columns).where(Request.id > above, Request.id < below).order_by(Request.id).limit(_BATCH)
    return [dict(row) for row in session.connection().execute(following.with_for_update()).mappings()]


def _batch(session: Session, rows: list[Mapping[str, Any]], done: Repriced) -> Repriced:
    prices = overrides(session)
    ledger = Ledger()
    changes: list[dict[str, Any]] = []
    before = after = 0
    for row in rows:
        fresh = dict(row) | _priced(row, prices)
        before += row["cost"] or 0
        after += fresh["cost"] or 0
        if row["outcome"] is None or all(row[name] == fresh[name] for name in COSTS):
            continue
        ledger.count(row, -1)
        ledger.count(fresh)
        changes.append({"of_id": row["id"]} | {name: fresh[name] for name in COSTS})
    if changes:
        session.connection().execute(_CHANGE, changes)
        ledger.write(session, only_existing=True)
    return Repriced(
        done.seen + len(rows),
        done.changed + len(changes),
        done.before_micro_usd + before,
        done.after_micro_usd + after,
        done.share,
        False,
    )


def _priced(row: Mapping[str, Any], prices: Mapping[str, Rates]) -> dict[str, Any]:
    nothing: dict[str, Any] = dict.fromkeys(COSTS)
    tokens = Tokens(*(row[name] for name in TOKENS))
    if not row["model_used"] or not tokens.is_known:
        return nothing
    return nothing | cost_columns(price(row["model_used"], tokens, row["started_at"], overrides=prices))


_CHANGE = (
    update(Request.__table__)  # type: ignore[arg-type]
    .where(Request.__table__.c.id == bindparam("of_id"))
    .values({name: bindparam(name) for name in COSTS})
)
