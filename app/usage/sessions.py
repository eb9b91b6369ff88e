"""Sessions of clients: a page of them, and one with its agents, accounts, requests and what its cache lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.db import reading
from app.errors import InvalidInput, NotFound
from app.usage.cache_losses import CacheLoss, losses
from app.usage.models import ClientSession, Request, SessionPart
from app.usage.prices import overrides
from app.usage.rows import COLUMNS, RequestRow, account_labels, key_names, request_rows
from app.usage.search import UNSERVED
from app.usage.turns import TURN_COLUMNS, turn_of

MAX_LIMIT = 200
MAX_REQUESTS = 500
_MAX_PARTS = 500


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions are meant: what is empty does not matter. `account` 0: no account served one of its requests.

    `text`: the beginning of the id.
    """

    start: int | None = None
    end: int | None = None
    account: int | None = None
    model: str | None = None
    key: str | None = None
    agent: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class SessionPartRow:
    """What one account, model, key or agent has of a session. `parent`: the agent that started this agent.

    The cost is None when no request's is known.
    """

    value: str
    name: str | None
    parent: str | None
    first_at: int
    last_at: int
    requests: int
    tokens: int
    cost_micro_usd: int | None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session, added up over its ended requests. `last_at`: when the newest began; `busy_ms`: time in requests.

    Tokens and cost are None when no request's are known. `cache_hit`: the share of all prompts read from the cache.
    """

    id: str
    first_at: int
    last_at: int
    duration_ms: int
    busy_ms: int
    requests: int
    failed: int
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    cache_hit: float | None
    cost_micro_usd: int | None
    unpriced: int
    accounts: tuple[str, ...]
    models: tuple[str, ...]
    keys: tuple[str, ...]
    agents: int


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Sessions, those used last first. `next`: give it as `cursor`; None: this is the last page."""

    sessions: tuple[SessionRow, ...]
    next: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """One session with its parts. `requests`: the newest ones; `has_more`: there are older ones.

    `losses`: each time one of these requests wrote again what was in the cache, the oldest first.
    """

    session: SessionRow
    accounts: tuple[SessionPartRow, ...]
    models: tuple[SessionPartRow, ...]
    keys: tuple[SessionPartRow, ...]
    agents: tuple[SessionPartRow, ...]
    requests: tuple[RequestRow, ...]
    has_more: bool
    losses: tuple[CacheLoss, ...]
    lost_micro_usd: int | None


def list_sessions(wanted: SessionFilter, cursor: tuple[int, str] | None = None, limit: int = 50) -> SessionPage:
    """Return a page of sessions, those last used first; by account, model, key or agent: those last used by that.

    Raises InvalidInput. Call inside an app context, off the event loop.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput.field("limit", f"give 1 to {MAX_LIMIT}")
    with reading() as session:
        places = [(row[0], row[1]) for row in session.execute(_places(wanted, cursor).limit(limit + 1))]
        shown = [session_id for _, session_id in places[:limit]]
        held = {one.id: one for one in session.scalars(select(ClientSession).where(ClientSession.id.in_(shown)))}
        rows = _session_rows(session, [held[one] for one in shown if one in held])
    return SessionPage(rows, places[limit - 1] if len(places) > limit else None)


def dearest_sessions(since: int, limit: int = 10) -> tuple[SessionRow, ...]:
    """Return the sessions used since a time that cost most in all. Call inside an app context, off the event loop."""
    dearest = (
        select(ClientSession.id)
        .where(ClientSession.last_at >= since)
        .order_by(ClientSession.cost.desc(), ClientSession.last_at.desc())
        .limit(limit)
    )
    with reading() as session:
        ids = session.execute(dearest).scalars().all()
        held = session.execute(select(ClientSession).where(ClientSession.id.in_(ids))).scalars().all()
        return _session_rows(session, sorted(held, key=lambda one: (-one.cost, -one.last_at)))


def session_detail(session_id: str) -> SessionDetail:
    """Return one session. Raises NotFound. Call inside an app context, off the event loop."""
    with reading() as session:
        held = session.get(ClientSession, session_id)
        newest = select(*COLUMNS).where(Request.session_id == session_id).order_by(Request.id.desc())
        found = session.execute(newest.limit(MAX_REQUESTS + 1)).all()
        if held is None and not found:
            raise NotFound("There is no such session; it may be older than records are kept.")
        names = key_names(session)
        parts = _parts(session, session_id, names)
        shown = found[:MAX_REQUESTS]
        lost = _losses(session, session_id, shown[-1].id if shown else 0)
        row = _session_rows(session, [held or _empty(session_id, shown)])[0]
        requests = request_rows(shown, names)
    known = [one.rewrite_micro_usd for one in lost if one.rewrite_micro_usd is not None]
    return SessionDetail(
        session=row,
        accounts=parts.get("account", ()),
        models=parts.get("model", ()),
        keys=parts.get("key", ()),
        agents=parts.get("agent", ()),
        requests=requests,
        has_more=len(found) > MAX_REQUESTS,
        losses=lost,
        lost_micro_usd=sum(known) if known else None,
    )


def _places(wanted: SessionFilter, cursor: tuple[int, str] | None) -> Select[Any]:
    """Select (last seen, id) of sessions, newest first. Where a part is asked for, that is when the part was seen."""
    parts = (("agent", wanted.agent), ("key", wanted.key), ("model", wanted.model), ("account", wanted.account or None))
    given = [(kind, str(value)) for kind, value in parts if value is not None]
    last_at: Any = ClientSession.last_at
    first_at: Any = ClientSession.first_at
    session_id: Any = ClientSession.id
    conditions: list[Any] = []
    if given:
        last_at, first_at, session_id = SessionPart.last_at, SessionPart.first_at, SessionPart.session_id
        (kind, value), *others = given
        conditions += [SessionPart.kind == kind, SessionPart.value == value, SessionPart.requests > 0]
        for kind, value in others:
            part = aliased(SessionPart)
            same = and_(part.session_id == session_id, part.kind == kind, part.value == value, part.requests > 0)
            conditions.append(select(part.session_id).where(same).exists())
    if wanted.account == UNSERVED:
        conditions.append(_is_partly_unserved(session_id))
    if wanted.text:
        said = wanted.text.strip()
        conditions += [session_id >= said, session_id < f"{said}\U0010ffff"]
    if wanted.start is not None:
        conditions.append(last_at >= wanted.start)
    if wanted.end is not None:
        conditions.append(first_at < wanted.end)
    if cursor is not None:
        at, above = cursor
        conditions += [last_at <= at, or_(last_at < at, and_(last_at == at, session_id < above))]
    return select(last_at, session_id).where(*conditions).order_by(last_at.desc(), session_id.desc())


def _is_partly_unserved(session_id: Any) -> ColumnElement[bool]:
    """Whether a session has more requests than accounts served of it."""
    whole, part = aliased(ClientSession), aliased(SessionPart)
    of_accounts = and_(part.session_id == whole.id, part.kind == "account")
    served = select(func.coalesce(func.sum(part.requests), 0)).where(of_accounts).scalar_subquery()
    return select(whole.id).where(whole.id == session_id, whole.requests > served).exists()


def _session_rows(session: Session, held: Sequence[ClientSession]) -> tuple[SessionRow, ...]:
    ids = [one.id for one in held]
    names, labels = key_names(session), account_labels(session)
    parts: dict[str, dict[str, list[str]]] = {}
    agents: dict[str, int] = {}
    wanted = select(SessionPart.session_id, SessionPart.kind, SessionPart.value).where(
        SessionPart.session_id.in_(ids), SessionPart.requests > 0
    )
    for session_id, kind, value in session.execute(wanted.order_by(SessionPart.first_at)):
        if kind == "agent":
            agents[session_id] = agents.get(session_id, 0) + 1
        else:
            shown = names.get(value, value) if kind == "key" else labels.get(value, value)
            parts.setdefault(session_id, {}).setdefault(kind, []).append(shown)
    return tuple(_session_row(one, parts.get(one.id, {}), agents.get(one.id, 0)) for one in held)


def _session_row(one: ClientSession, parts: dict[str, list[str]], agents: int) -> SessionRow:
    is_metered = one.metered > 0
    written = one.cache_write_5m_tokens + one.cache_write_1h_tokens
    prompt = one.input_tokens + one.cache_read_tokens + written
    return SessionRow(
        id=one.id,
        first_at=one.first_at,
        last_at=one.last_at,
        duration_ms=one.last_at - one.first_at,
        busy_ms=one.busy_ms,
        requests=one.requests,
        failed=one.failed,
        input_tokens=one.input_tokens if is_metered else None,
        output_tokens=one.output_tokens if is_metered else None,
        cache_read_tokens=one.cache_read_tokens if is_metered else None,
        cache_write_tokens=written if is_metered else None,
        cache_hit=one.cache_read_tokens / prompt if prompt else None,
        cost_micro_usd=one.cost if one.priced else None,
        unpriced=one.unpriced,
        accounts=tuple(parts.get("account", ())),
        models=tuple(parts.get("model", ())),
        keys=tuple(parts.get("key", ())),
        agents=agents,
    )


def _empty(session_id: str, rows: Sequence[Row[Any]]) -> ClientSession:
    """Return a session of which no request has ended."""
    columns = [column.name for column in ClientSession.__table__.columns]
    blank: dict[str, Any] = dict.fromkeys(columns, 0)
    return ClientSession(**blank | {"id": session_id, "first_at": rows[-1].started_at, "last_at": rows[0].started_at})


def _parts(session: Session, session_id: str, names: dict[str, str]) -> dict[str, tuple[SessionPartRow, ...]]:
    labels = account_labels(session)
    of_session = select(SessionPart).where(SessionPart.session_id == session_id, SessionPart.requests > 0)
    found: dict[str, list[SessionPartRow]] = {}
    for row in session.execute(of_session.order_by(SessionPart.first_at).limit(_MAX_PARTS)).scalars():
        name = {"key": names, "account": labels}.get(row.kind, {}).get(row.value)
        cost = row.cost if row.priced else None
        part = SessionPartRow(row.value, name, row.parent, row.first_at, row.last_at, row.requests, row.tokens, cost)
        found.setdefault(row.kind, []).append(part)
    return {kind: tuple(parts) for kind, parts in found.items()}


def _losses(session: Session, session_id: str, oldest: int) -> tuple[CacheLoss, ...]:
    """Return what the requests from an id on lost; each agent has a prompt, and so a cache, of its own."""
    rows = select(*TURN_COLUMNS).where(Request.session_id == session_id, Request.id >= oldest).order_by(Request.id)
    by_agent: dict[str | None, list[Any]] = {}
    for row in session.execute(rows):
        by_agent.setdefault(row.agent_id, []).append(turn_of(row))
    prices = overrides(session)
    found = (one for turns in by_agent.values() for one in losses(turns, prices))
    return tuple(sorted(found, key=lambda one: one.request_id))
