"""What was recorded, to look at: pages of requests, one request with all that belongs to it, values for filters."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.clock import now_ms
from app.db import reading
from app.errors import InvalidInput, NotFound
from app.usage.advice import advice
from app.usage.cache_losses import CacheLoss, loss
from app.usage.models import FACETS, Attempt, Facet, Payload, Request
from app.usage.prices import overrides
from app.usage.rows import COLUMNS, RequestRow, key_names, request_row, request_rows
from app.usage.search import Filter, find
from app.usage.spans import DAY_MS
from app.usage.turns import turn_of
from app.values import id_text

MAX_LIMIT = 1000
WITHIN_S = 0.04
"""How long one page is searched for; what is found by then is the page."""
_MAX_FACETS = 200


@dataclass(frozen=True, slots=True)
class Page:
    """Requests, newest first. `next`: give it as `cursor` for the page below; None: this is the last one.

    `is_cut`: the search took too long and ended early, so the page may hold fewer than there are; the next one goes on.
    """

    requests: tuple[RequestRow, ...]
    next: int | None
    is_cut: bool


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One try of a request at one account."""

    position: int
    account_id: int
    account_name: str
    status: int | None
    reason: str
    detail: str | None
    started_at: int
    ended_at: int
    duration_ms: int
    cooldown_until: int | None


@dataclass(frozen=True, slots=True)
class RefusedAccount:
    """An account that was not asked, and why."""

    name: str
    reason: str
    until: int | None


@dataclass(frozen=True, slots=True)
class CostByClass:
    """The cost of one request in micro-USD by class of tokens."""

    input_micro_usd: int | None
    output_micro_usd: int | None
    cache_read_micro_usd: int | None
    cache_write_5m_micro_usd: int | None
    cache_write_1h_micro_usd: int | None
    web_search_micro_usd: int | None
    price_version: str | None


@dataclass(frozen=True, slots=True)
class RequestDetail:
    """One request with all that belongs to it.

    `payload_bytes`: what its headers and bodies take, None when none are kept. `previous` and `following`: its
    neighbours in the session, of the same agent. `why`: why the account that was asked first came first. `advice`: what
    an operator can do about a failure.
    """

    request: RequestRow
    attempts: tuple[AttemptRow, ...]
    refused: tuple[RefusedAccount, ...]
    losses: tuple[str, ...]
    cost: CostByClass
    strategy: str | None
    why: str | None
    request_bytes: int | None
    answer_bytes: int | None
    upstream_request_id: str | None
    user_agent: str | None
    worker: str | None
    payload_bytes: int | None
    previous: int | None
    following: int | None
    cache_loss: CacheLoss | None
    advice: str | None


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value that filters offer, with the number of requests that it was seen in."""

    value: str
    label: str | None
    first_at: int
    last_at: int
    requests: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed request with the reason of its last attempt and what can be done."""

    request: RequestRow
    reason: str | None
    advice: str


def list_requests(wanted: Filter, cursor: int | None = None, limit: int = 50) -> Page:
    """Return a page of requests. Raises InvalidInput. Call inside an app context, off the event loop."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput.field("limit", f"give 1 to {MAX_LIMIT}")
    with reading() as session:
        found = find(session, COLUMNS, wanted, cursor, limit, WITHIN_S)
        rows = request_rows(found.rows, key_names(session))
    return Page(rows, found.more_below, found.more_below is not None and len(rows) < limit)


def request_detail(request_id: int) -> RequestDetail:
    """Return one request. Raises NotFound. Call inside an app context, off the event loop."""
    with reading() as session:
        row = session.get(Request, request_id)
        if row is None:
            raise NotFound(f"There is no request {id_text(request_id)}; it may be older than records are kept.")
        attempts = _attempts(session, request_id)
        payload = session.execute(select(Payload.size).where(Payload.request_id == request_id)).scalar()
        seen = request_row(row, key_names(session))
        previous = _neighbour(session, row, older=True)
        following = _neighbour(session, row, older=False)
        before = _neighbour(session, row, older=True, is_cached=True)
        prices = overrides(session) if before is not None else None
    last = attempts[-1] if attempts else None
    return RequestDetail(
        request=seen,
        attempts=attempts,
        refused=tuple(RefusedAccount(*one) for one in _listed(row.refused)),
        losses=tuple(_listed(row.losses)),
        cost=_cost(row),
        strategy=row.strategy,
        why=row.why,
        request_bytes=row.request_bytes,
        answer_bytes=row.answer_bytes,
        upstream_request_id=row.upstream_request_id,
        user_agent=row.user_agent,
        worker=row.worker,
        payload_bytes=payload,
        previous=None if previous is None else previous.id,
        following=None if following is None else following.id,
        cache_loss=None if before is None else loss(turn_of(before), turn_of(row), prices),
        advice=advice(seen.status, seen.outcome, last.reason if last else None) if seen.is_failed else None,
    )


def facets(kind: str) -> tuple[FacetValue, ...]:
    """Return the values that a filter offers, those last seen first. `kind`: one of `FACETS`. Raises InvalidInput.

    Call inside an app context.
    """
    if kind not in FACETS:
        raise InvalidInput.field("kind", f"give one of {', '.join(FACETS)}")
    newest = select(Facet).where(Facet.kind == kind).order_by(Facet.last_at.desc()).limit(_MAX_FACETS)
    with reading() as session:
        names = key_names(session) if kind == "key" else {}
        return tuple(
            FacetValue(row.value, names.get(row.value, row.label), row.first_at, row.last_at, row.requests)
            for row in session.execute(newest).scalars()
            if row.requests > 0
        )


def latest_failures(limit: int = 10, within_ms: int = DAY_MS) -> tuple[Failure, ...]:
    """Return the newest failed requests. Call inside an app context, off the event loop."""
    wanted = Filter(start=now_ms() - within_ms, failed=True, synthetic=None)
    with reading() as session:
        found = find(session, COLUMNS, wanted, None, limit, WITHIN_S)
        rows = request_rows(found.rows, key_names(session))
        reasons = _last_reasons(session, [row.id for row in rows])
    return tuple(
        Failure(row, reasons.get(row.id), advice(row.status, row.outcome, reasons.get(row.id))) for row in rows
    )


def _listed(written: str | None) -> list[Any]:
    """Return a list that a column holds, an empty one for what is no whole JSON."""
    try:
        return list(json.loads(written or "[]"))
    except ValueError:
        return []


def _attempts(session: Session, request_id: int) -> tuple[AttemptRow, ...]:
    rows = session.execute(select(Attempt).where(Attempt.request_id == request_id).order_by(Attempt.position)).scalars()
    return tuple(
        AttemptRow(
            row.position,
            row.account_id,
            row.account_name,
            row.status,
            row.reason,
            row.detail,
            row.started_at,
            row.ended_at,
            max(0, row.ended_at - row.started_at),
            row.cooldown_until,
        )
        for row in rows
    )


def _last_reasons(session: Session, ids: list[int]) -> dict[int, str]:
    newest = (
        select(Attempt.request_id, func.max(Attempt.position).label("position"))
        .where(Attempt.request_id.in_(ids))
        .group_by(Attempt.request_id)
        .subquery()
    )
    same = (Attempt.request_id == newest.c.request_id) & (Attempt.position == newest.c.position)
    rows = session.execute(select(Attempt.request_id, Attempt.reason).join(newest, same))
    return {request_id: reason for request_id, reason in rows}


def _neighbour(session: Session, row: Request, *, older: bool, is_cached: bool = False) -> Any:
    """Return the request of the same session and agent before or after one; `is_cached`: that used the cache."""
    if row.session_id is None:
        return None
    beside = select(Request).where(
        Request.session_id == row.session_id,
        Request.agent_id.is_(None) if row.agent_id is None else func.coalesce(Request.agent_id, None) == row.agent_id,
        Request.id < row.id if older else Request.id > row.id,
    )
    if is_cached:
        beside = beside.where(Request.cache_read_tokens.is_not(None))
    order = Request.id.desc() if older else Request.id
    return session.execute(beside.order_by(order).limit(1)).scalar()


def _cost(row: Request) -> CostByClass:
    return CostByClass(
        row.input_cost,
        row.output_cost,
        row.cache_read_cost,
        row.cache_write_5m_cost,
        row.cache_write_1h_cost,
        row.web_search_cost,
        row.price_version,
    )
