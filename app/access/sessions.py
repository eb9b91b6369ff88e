"""Server-side sessions of people: the cookie holds a random value, the database its digest, and ends it."""

import hashlib
import secrets
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import Session

from app.access.models import User, UserSession
from app.audit import Actor, note
from app.clock import now_ms
from app.db import reading, transaction

IDLE_MS = 12 * 3_600_000
ABSOLUTE_MS = 7 * 24 * 3_600_000
_TOUCH_MS = 60_000
"""How old `seen_at` may get before a request writes it anew."""


@dataclass(frozen=True, slots=True)
class SessionView:
    """One log-in of one browser that is in force. `digest` names it; it does not open it."""

    user_id: int
    user_name: str
    role: str
    digest: bytes = field(repr=False)
    created_at: int
    seen_at: int
    address: str | None
    agent: str | None

    @property
    def ends_at(self) -> int:
        """When it ends unless it is used again."""
        return min(self.seen_at + IDLE_MS, self.created_at + ABSOLUTE_MS)


def create(user_id: int, address: str | None, agent: str | None) -> str:
    """Begin a session and return the cookie's value. Sessions that are over are swept away with it."""
    cookie = secrets.token_urlsafe(32)
    at = now_ms()
    with transaction() as session:
        session.execute(delete(UserSession).where(_is_over(at)))
        session.add(
            UserSession(
                digest=digest_of(cookie),
                user_id=user_id,
                created_at=at,
                seen_at=at,
                address=address[:64] if address else None,
                agent=_printable(agent),
            )
        )
    return cookie


def look_up(cookie: str) -> SessionView | None:
    """Return the session that a cookie opens, or None when it is over or never was; note that it was used."""
    at = now_ms()
    digest = digest_of(cookie)
    with reading() as session:
        found = _views(session, UserSession.digest == digest, at)
    if not found:
        return None
    if at - found[0].seen_at >= _TOUCH_MS:
        with transaction() as session:
            session.execute(update(UserSession).where(UserSession.digest == digest).values(seen_at=at))
    return found[0]


def of_user(user_id: int) -> tuple[SessionView, ...]:
    """Return the sessions of a user that are in force, the one used last first."""
    with reading() as session:
        return _views(session, UserSession.user_id == user_id, now_ms())


def revoke(cookie: str, actor: Actor) -> None:
    """End the session that a cookie opens: log out."""
    with transaction() as session:
        _end(session, actor, "user.log_out", UserSession.digest == digest_of(cookie))


def revoke_digest(user_id: int, digest: bytes, actor: Actor) -> bool:
    """End one session of a user from a list; return whether there was one."""
    with transaction() as session:
        return bool(
            _end(session, actor, "session.revoke", UserSession.digest == digest, UserSession.user_id == user_id)
        )


def revoke_all(user_id: int, actor: Actor, keep: str | None = None) -> int:
    """End all sessions of a user but the one of the cookie `keep`; return how many there were."""
    conditions = [UserSession.user_id == user_id]
    if keep is not None:
        conditions.append(UserSession.digest != digest_of(keep))
    with transaction() as session:
        return _end(session, actor, "session.revoke_all", *conditions)


def digest_of(cookie: str) -> bytes:
    """Return what is stored of a cookie's value; it is random enough for a plain hash."""
    return hashlib.sha256(cookie.encode("utf-8", "replace")).digest()


def _end(session: Session, actor: Actor, action: str, *conditions: ColumnElement[bool]) -> int:
    ended = session.execute(delete(UserSession).where(*conditions).returning(UserSession.user_id)).all()
    if ended:
        name = session.execute(select(User.name).where(User.id == ended[0].user_id)).scalar()
        note(session, actor, action, name, f"{len(ended)} ended" if len(ended) > 1 else None)
    return len(ended)


def _views(session: Session, condition: ColumnElement[bool], at: int) -> tuple[SessionView, ...]:
    rows = session.execute(
        select(UserSession, User.name, User.role)
        .join(User, User.id == UserSession.user_id)
        .where(condition, ~_is_over(at), User.disabled_at.is_(None))
        .order_by(UserSession.seen_at.desc())
    )
    return tuple(
        SessionView(
            user_id=row.user_id,
            user_name=name,
            role=role,
            digest=row.digest,
            created_at=row.created_at,
            seen_at=row.seen_at,
            address=row.address,
            agent=row.agent,
        )
        for row, name, role in rows
    )


def _is_over(at: int) -> ColumnElement[bool]:
    return or_(UserSession.seen_at <= at - IDLE_MS, UserSession.created_at <= at - ABSOLUTE_MS)


def _printable(agent: str | None) -> str | None:
    return "".join(char for char in agent[:300] if char.isprintable()) if agent else None
