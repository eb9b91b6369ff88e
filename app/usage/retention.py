"""What is forgotten with time: bodies by age and by their total size, records of requests and what they add up to.

Every verb is one small batch within the caller's transaction and returns how much went; the caller repeats it.
"""

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.orm import Session

from app.usage.models import FACETS, ClientSession, Facet, Payload, Request, Rollup
from app.usage.spans import DAY_MS, HOUR_MS, MINUTE_MS, MINUTES_KEPT_MS, WEEK_MS
from app.values import first_id

DAYS_KEPT_MS = 5 * 366 * DAY_MS
"""Sums of days and weeks outlive the requests: they are few, and tell what past years cost."""


def payload_bytes(session: Session) -> int:
    """Return the size of all stored bodies."""
    return int(session.execute(select(func.coalesce(func.sum(Payload.size), 0))).scalar_one())


def forget_payloads_before(session: Session, at: int, limit: int) -> int:
    """Remove the oldest bodies of requests that began before a time."""
    oldest = select(Payload.request_id).where(Payload.at < at).order_by(Payload.at).limit(limit)
    return _forget_payloads(session, list(session.execute(oldest).scalars()))


def forget_payloads_beyond(session: Session, max_bytes: int, limit: int) -> int:
    """Remove the oldest bodies until the rest fits into `max_bytes`."""
    excess = payload_bytes(session) - max_bytes
    if excess <= 0:
        return 0
    chosen: list[int] = []
    oldest = select(Payload.request_id, Payload.size).order_by(Payload.at, Payload.request_id).limit(limit)
    for request_id, size in session.execute(oldest):
        if excess <= 0:
            break
        chosen.append(request_id)
        excess -= size
    return _forget_payloads(session, chosen)


def forget_requests_before(session: Session, at: int, limit: int) -> int:
    """Remove the oldest records of requests that began before a time, with their attempts and bodies."""
    oldest = select(Request.id).where(Request.id < first_id(at)).order_by(Request.id).limit(limit)
    gone = session.execute(delete(Request).where(Request.id.in_(oldest.scalar_subquery())).returning(Request.id))
    return len(gone.all())


def forget_sums(session: Session, now: int, requests_before: int, limit: int) -> int:
    """Remove sums of minutes after two days, those of hours with their requests, others after five years."""
    years_ago = min(requests_before, now - DAYS_KEPT_MS)
    years_ago -= years_ago % WEEK_MS
    return (
        _forget_spans(session, MINUTE_MS, now - MINUTES_KEPT_MS, limit)
        + _forget_spans(session, HOUR_MS, requests_before - requests_before % HOUR_MS, limit)
        + _forget_spans(session, DAY_MS, years_ago, limit)
        + _forget_spans(session, WEEK_MS, years_ago, limit)
    )


def forget_sessions_before(session: Session, at: int, limit: int) -> int:
    """Remove sessions, and values that filters offer, that were last seen before a time."""
    oldest = select(ClientSession.id).where(ClientSession.last_at < at).order_by(ClientSession.last_at).limit(limit)
    ids = list(session.execute(oldest).scalars())
    if ids:
        session.execute(delete(ClientSession).where(ClientSession.id.in_(ids)))
    unseen = select(Facet.kind, Facet.value).where(Facet.kind.in_(FACETS), Facet.last_at < at).limit(limit)
    facets = [tuple(row) for row in session.execute(unseen)]
    if facets:
        session.execute(delete(Facet).where(tuple_(Facet.kind, Facet.value).in_(facets)))
    return len(ids) + len(facets)


def _forget_spans(session: Session, span_ms: int, before: int, limit: int) -> int:
    """Remove about `limit` of the oldest sums of one span: whole moments, all accounts, models and keys of each."""
    old = select(Rollup.at).where(Rollup.span_ms == span_ms, Rollup.at < before).order_by(Rollup.at)
    until = session.execute(old.offset(limit - 1).limit(1)).scalar()
    is_old = Rollup.at < before if until is None else Rollup.at <= until
    gone = delete(Rollup).where(Rollup.span_ms == span_ms, is_old).returning(Rollup.at)
    return len(session.execute(gone).all())


def _forget_payloads(session: Session, request_ids: list[int]) -> int:
    if request_ids:
        session.execute(delete(Payload).where(Payload.request_id.in_(request_ids)))
    return len(request_ids)
