"""All that is added up beside the rows: rollups, client sessions and the values that filters offer."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from app.upserts import add_up
from app.usage.models import ClientSession, Facet, Request, Rollup, SessionPart
from app.usage.rollup import CLASS_TOKENS, NEEDED, Changes, Row

_CHUNK = 400
_RECOUNTED = 5000
_PARTS = (("account", "account_id"), ("model", "model_used"), ("key", "key_id"), ("agent", "agent_id"))
_FACETS = (*_PARTS, ("status", "status"), ("outcome", "outcome"))
_SPAN = {"first_at": "min", "last_at": "max"}

Sums = dict[str, Any]


def counted(session: Session, ids: Iterable[int]) -> list[Row]:
    """Return the rows among `ids` that have ended, and so are in the sums already; nobody changes them meanwhile."""
    wanted = list(ids)
    found: list[Row] = []
    for begin in range(0, len(wanted), _CHUNK):
        some = session.connection().execute(_THERE, {"ids": wanted[begin : begin + _CHUNK]})
        found += [dict(row) for row in some.mappings() if row["outcome"] is not None]
    return found


# Those that still run are locked too: another transaction may be ending one of them just now.
_THERE = (
    select(*(Request.__table__.c[name] for name in NEEDED))
    .where(Request.id.in_(bindparam("ids", expanding=True)))
    .order_by(Request.id)
    .with_for_update()
)


class Ledger:
    """What a batch of requests changes in everything that is added up."""

    def __init__(self) -> None:
        self._rollups = Changes()
        self._sessions: dict[str, Sums] = {}
        self._parts: dict[tuple[str, str, str], Sums] = {}
        self._facets: dict[tuple[str, str], Sums] = {}

    def count(self, row: Row, sign: int = 1) -> None:
        """Add an ended request, or with a `sign` of -1 take one away that was counted before."""
        self._rollups.count(row, sign)
        self._count_facets(row, sign)
        if row["session_id"]:
            self._count_session(row, sign)

    def write(self, session: Session, only_existing: bool = False) -> None:
        """Add everything to the tables within the caller's transaction.

        `only_existing`: leave out what was forgotten since. Rows go in the order of their keys, so that two processes
        never wait for each other.
        """
        self._rollups.write(session, only_existing)
        _write(session, ClientSession, ("id",), _keyed(self._sessions, "id"), only_existing)
        parts = [
            {"session_id": one, "kind": kind, "value": value} | sums
            for (one, kind, value), sums in sorted(self._parts.items())
        ]
        _write(session, SessionPart, ("session_id", "kind", "value"), parts, only_existing)
        facets = [{"kind": kind, "value": value} | sums for (kind, value), sums in sorted(self._facets.items())]
        _write(session, Facet, ("kind", "value"), facets, only_existing)

    def _count_facets(self, row: Row, sign: int) -> None:
        is_unpriced = row["cost"] is None and any(row[name] is not None for name in CLASS_TOKENS)
        started_at = row["started_at"]
        for kind, column in _FACETS:
            value = row[column]
            if value is None:
                continue
            key = (kind, str(value))
            held = self._facets.get(key)
            if held is None:
                held = self._facets[key] = _facet(row, kind)
            if kind == "account" and sign > 0:
                held["label"], held["provider"] = row["account_name"], row["provider"]
            held["requests"] += sign
            held["unpriced"] += sign if is_unpriced else 0
            if started_at > held["last_at"]:
                held["last_at"] = started_at
            elif started_at < held["first_at"]:
                held["first_at"] = started_at

    def _count_session(self, row: Row, sign: int) -> None:
        session_id, cost = row["session_id"], row["cost"]
        counts = [row[name] for name in CLASS_TOKENS]
        is_metered = any(count is not None for count in counts)
        added = {
            "requests": 1,
            "failed": 0 if row["outcome"] == "complete" and (row["status"] or 0) < 400 else 1,
            "metered": int(is_metered),
            **{name: count or 0 for name, count in zip(CLASS_TOKENS, counts)},
            "priced": 0 if cost is None else 1,
            "unpriced": int(is_metered and cost is None),
            "cost": cost or 0,
            "busy_ms": 0 if row["worker"] else max(0, (row["ended_at"] or row["started_at"]) - row["started_at"]),
        }
        _add(self._sessions, session_id, row["started_at"], added, sign)
        part = {"requests": 1, "tokens": sum(count or 0 for count in counts)}
        part |= {name: added[name] for name in ("priced", "cost")}
        for kind, column in _PARTS:
            value = row[column]
            if value is not None:
                held = _add(self._parts, (session_id, kind, str(value)), row["started_at"], part, sign)
                held.setdefault("parent", row["parent_agent_id"] if kind == "agent" else None)


def _facet(row: Row, kind: str) -> Sums:
    is_account = kind == "account"
    return {
        "label": row["account_name"] if is_account else None,
        "provider": row["provider"] if is_account else None,
        "first_at": row["started_at"],
        "last_at": row["started_at"],
        "requests": 0,
        "unpriced": 0,
    }


def _add(held: dict[Any, Sums], key: Any, at: int, added: dict[str, int], sign: int) -> Sums:
    sums = held.get(key)
    if sums is None:
        sums = held[key] = {"first_at": at, "last_at": at} | dict.fromkeys(added, 0)
    if at > sums["last_at"]:
        sums["last_at"] = at
    elif at < sums["first_at"]:
        sums["first_at"] = at
    for name, value in added.items():
        if value:
            sums[name] += sign * value
    return sums


def _keyed(held: dict[str, Sums], key: str) -> list[dict[str, Any]]:
    return [{key: value} | sums for value, sums in sorted(held.items())]


_OTHERS: dict[Any, dict[str, Any]] = {
    ClientSession: _SPAN,
    SessionPart: _SPAN | {"parent": "fill"},
    Facet: _SPAN | {"label": "replace", "provider": "replace"},
}


def _write(session: Session, model: Any, key: tuple[str, ...], rows: list[dict[str, Any]], only_existing: bool) -> None:
    if not rows:
        return
    others = _OTHERS[model]
    if not only_existing:
        add_up(session, model, rows, list(key), others)
        return
    table = model.__table__
    added = [name for name in rows[0] if name not in key and name not in others]
    more = (
        update(table)
        .where(*(table.c[name] == bindparam(f"of_{name}") for name in key))
        .values({name: table.c[name] + bindparam(name) for name in added})
    )
    session.connection().execute(
        more, [{f"of_{name}": row[name] for name in key} | {name: row[name] for name in added} for row in rows]
    )


def recount(session: Session) -> None:
    """Make all sums anew from the rows that there are, within the caller's transaction."""
    for model in (SessionPart, ClientSession, Facet, Rollup):
        session.execute(delete(model))
    columns = [Request.__table__.c[name] for name in NEEDED]
    at = -1
    while True:
        following = select(*columns).where(Request.id > at, Request.outcome.is_not(None)).order_by(Request.id)
        rows = session.connection().execute(following.limit(_RECOUNTED)).mappings().all()
        if not rows:
            return
        at = rows[-1]["id"]
        ledger = Ledger()
        for row in rows:
            ledger.count(dict(row))
        ledger.write(session)
