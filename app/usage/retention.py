"""What is forgotten with time: stored bodies by age and by their total size, records of requests by age.

Every verb is one small batch within the caller's transaction and returns how much went; the caller repeats it.
"""

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.usage.models import Payload, Request
from app.values import new_request_id

_ID_BITS_BELOW_MS = 22


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
    first_kept = new_request_id(at) >> _ID_BITS_BELOW_MS << _ID_BITS_BELOW_MS
    oldest = select(Request.id).where(Request.id < first_kept).order_by(Request.id).limit(limit)
    gone = session.execute(delete(Request).where(Request.id.in_(oldest.scalar_subquery())).returning(Request.id))
    return len(gone.all())


def _forget_payloads(session: Session, request_ids: list[int]) -> int:
    if request_ids:
        session.execute(delete(Payload).where(Payload.request_id.in_(request_ids)))
    return len(request_ids)
