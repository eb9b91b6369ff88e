"""Find requests among millions within a bounded time: the rarest condition leads, the rest is looked at in steps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, literal, or_, select, text, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.usage.models import FAILED, RUNNING, UNUSUAL, Facet, Request
from app.usage.stretches import Filter, stretches
from app.values import first_id, id_from_text

__all__ = ["UNSERVED", "Filter", "Found", "find", "resolved"]

UNSERVED = 0
"""Among accounts: none served the request, as the sums have it."""
_STEPS = (250, 500)
"""Rows that lead which are looked at in one step; the last number repeats."""
_ABOVE_ALL = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Found:
    """Rows, newest first. `more_below`: older ones than this id have not been looked at; None: there are none."""

    rows: Sequence[Row[Any]]
    more_below: int | None


@dataclass(frozen=True, slots=True)
class _Lead:
    """The condition that an index serves. `conditions`: one for each value, of which any may hold."""

    name: str
    conditions: tuple[ColumnElement[bool], ...]


def find(
    session: Session, columns: Sequence[Any], wanted: Filter, below: int | None, limit: int, within_s: float | None
) -> Found:
    """Return up to `limit` requests with ids under `below`, newest first.

    After `within_s` seconds (None: never) the search ends where it is: `more_below` then tells where to go on.
    """
    narrowed = resolved(session, wanted)
    if narrowed is None:
        return Found((), None)
    deadline = None if within_s is None else monotonic() + within_s
    lead = _lead(session, narrowed)
    conditions = _conditions(narrowed, lead)
    rows: list[Row[Any]] = []
    step = 0
    for lowest, highest in stretches(session, narrowed, *_bounds(narrowed, below)):
        at = highest
        while at > lowest:
            if deadline is not None and step and monotonic() > deadline:
                return Found(rows, at)
            low = _low(session, lead, lowest, at, _STEPS[min(step, len(_STEPS) - 1)])
            rows += session.execute(_page(columns, conditions, low, at, limit + 1 - len(rows))).all()
            at = low
            step += 1
            if len(rows) > limit:
                return Found(rows[:limit], rows[limit - 1].id)
    return Found(rows, None)


def resolved(session: Session, wanted: Filter) -> Filter | None:
    """Return the filter with its text understood as what it names; None when that contradicts the rest."""
    said = (wanted.text or "").strip()
    if not said:
        return replace(wanted, text=None)
    request_id = id_from_text(said)
    if request_id is None:
        upstream = select(Request.id).where(Request.upstream_request_id == said).limit(1)
        request_id = session.execute(upstream).scalar()
    if request_id is not None:
        other_id = wanted.request_id
        return None if other_id not in (None, request_id) else replace(wanted, request_id=request_id, text=None)
    for name, column in (("session_id", Request.session_id), ("agent_id", Request.agent_id)):
        known = _beginning(session, column, said)
        if known is not None:
            other = getattr(wanted, name)
            return None if other not in (None, known) else _named(wanted, name, known)
    return replace(wanted, text=said)


def _named(wanted: Filter, name: str, value: str) -> Filter:
    if name == "session_id":
        return replace(wanted, session_id=value, text=None)
    return replace(wanted, agent_id=value, text=None)


def _beginning(session: Session, column: InstrumentedAttribute[str | None], said: str) -> str | None:
    """Return the first value that begins with a text; an index serves the range."""
    found = select(column).where(column >= said, column < f"{said}\U0010ffff").order_by(column).limit(1)
    return session.execute(found).scalar()


def _bounds(wanted: Filter, below: int | None) -> tuple[int, int]:
    lowest = 0 if wanted.start is None else first_id(wanted.start)
    highest = _ABOVE_ALL if wanted.end is None else first_id(wanted.end)
    if wanted.request_id is not None:
        lowest, highest = max(lowest, wanted.request_id), min(highest, wanted.request_id + 1)
    return lowest, highest if below is None else min(highest, below)


def _low(session: Session, lead: _Lead | None, lowest: int, highest: int, step: int) -> int:
    """Return an id above which at most `step` rows of each value of the leading condition lie."""
    low = lowest
    for condition in (None,) if lead is None else lead.conditions:
        ids = select(Request.id).where(Request.id < highest, Request.id >= lowest)
        if condition is not None:
            ids = ids.where(condition)
        last = session.execute(ids.order_by(Request.id.desc()).offset(step - 1).limit(1)).scalar()
        if last is not None:
            low = max(low, last)
    return low


def _page(
    columns: Sequence[Any], conditions: list[ColumnElement[bool]], low: int, high: int, limit: int
) -> Select[Any]:
    inside = and_(Request.id >= low, Request.id < high, *conditions)
    return select(*columns).where(inside).order_by(Request.id.desc()).limit(limit)


def _lead(session: Session, wanted: Filter) -> _Lead | None:
    """Choose the condition that holds for the fewest requests."""
    if wanted.session_id is not None:
        return _Lead("session", (Request.session_id == wanted.session_id,))
    if wanted.agent_id is not None:
        return _Lead("agent", (Request.agent_id == wanted.agent_id,))
    leads = _leads(wanted)
    if len(leads) < 2:
        return next(iter(leads.values()), None)
    sizes = _sizes(session, wanted)
    return min(leads.values(), key=lambda lead: sizes[lead.name])


def _leads(wanted: Filter) -> dict[str, _Lead]:
    found = [
        _Lead("account", tuple(map(_served_by, wanted.accounts))),
        _Lead("model", tuple(Request.model_used == one for one in wanted.models)),
        _Lead("key", tuple(Request.key_id == one for one in wanted.keys)),
    ]
    if 200 not in wanted.statuses:
        found.append(_Lead("status", tuple(and_(Request.status == one, text(UNUSUAL)) for one in wanted.statuses)))
    if wanted.outcomes == ("running",):
        found.append(_Lead("running", (text(RUNNING),)))  # type: ignore[arg-type]
    elif wanted.failed or (wanted.outcomes and not {"complete", "running"} & set(wanted.outcomes)):
        found.append(_Lead("failed", (text(FAILED),)))  # type: ignore[arg-type]
    return {lead.name: lead for lead in found if lead.conditions}


def _served_by(account_id: int) -> ColumnElement[bool]:
    return Request.account_id.is_(None) if account_id == UNSERVED else Request.account_id == account_id


def _sizes(session: Session, wanted: Filter) -> dict[str, int]:
    """Return about how many requests each leading condition holds for."""
    named = [
        *(("account", str(one)) for one in wanted.accounts),
        *(("model", one) for one in wanted.models),
        *(("key", one) for one in wanted.keys),
        *(("status", str(one)) for one in wanted.statuses),
    ]
    is_named = tuple_(Facet.kind, Facet.value).in_(named) if named else literal(False)
    is_failed = and_(Facet.kind == "outcome", Facet.value != "complete")
    sizes = dict.fromkeys(("account", "model", "key", "status", "failed", "running"), 0)
    for kind, count in session.execute(
        select(Facet.kind, func.sum(Facet.requests)).where(or_(is_named, is_failed)).group_by(Facet.kind)
    ):
        sizes["failed" if kind == "outcome" else kind] = int(count)
    if UNSERVED in wanted.accounts:
        unserved = func.sum(case((Facet.kind == "outcome", Facet.requests), else_=-Facet.requests))
        found = session.execute(select(unserved).where(Facet.kind.in_(("outcome", "account")))).scalar()
        sizes["account"] += int(found or 0)
    return sizes


def _conditions(wanted: Filter, lead: _Lead | None) -> list[ColumnElement[bool]]:
    """Return everything but the ids. What does not lead is written so that no index is used for it."""
    name = lead.name if lead else ""
    found: list[ColumnElement[bool]] = []
    if wanted.session_id is not None:
        found.append(_veiled(Request.session_id, name == "session") == wanted.session_id)
    if wanted.agent_id is not None:
        found.append(_veiled(Request.agent_id, name == "agent") == wanted.agent_id)
    if wanted.accounts:
        found.append(
            or_(*map(_served_by, wanted.accounts))
            if name == "account"
            else func.coalesce(Request.account_id, UNSERVED).in_(wanted.accounts)
        )
    if wanted.models:
        found.append(_veiled(Request.model_used, name == "model").in_(wanted.models))
    if wanted.keys:
        found.append(_veiled(Request.key_id, name == "key").in_(wanted.keys))
    if wanted.statuses:
        found.append(_veiled(Request.status, name == "status").in_(wanted.statuses))
    if wanted.outcomes:
        found.append(_outcome(wanted.outcomes))
    if wanted.failed is not None:
        is_failed: Any = text(FAILED)
        found.append(is_failed if wanted.failed else and_(Request.outcome == "complete", Request.status < 400))
    if wanted.synthetic is not None:
        found.append(Request.is_synthetic.is_(wanted.synthetic))
    if wanted.text is not None:
        found.append(Request.error.icontains(wanted.text, autoescape=True))
    extra: dict[str, Any] = {"status": text(UNUSUAL), "failed": text(FAILED), "running": text(RUNNING)}
    return [*found, extra[name]] if name in extra else found


def _veiled(column: InstrumentedAttribute[Any], leads: bool) -> ColumnElement[Any]:
    if leads:
        return column  # type: ignore[return-value]
    return func.coalesce(column, None)


def _outcome(outcomes: tuple[str, ...]) -> ColumnElement[bool]:
    known = tuple(one for one in outcomes if one != "running")
    return or_(
        *([func.coalesce(Request.outcome, None).in_(known)] if known else []),
        *([Request.outcome.is_(None)] if "running" in outcomes else []),
    )
