"""What the access room forgets: log-ins that are over, and attempts that no longer count."""

from sqlalchemy import delete, or_
from sqlalchemy.orm import Session

from app.access.logins import WINDOW_MS
from app.access.models import LoginAttempt, UserSession
from app.access.sessions import ABSOLUTE_MS, IDLE_MS


def forget_expired(session: Session, at: int) -> int:
    """Remove what has no effect any more; return how many rows went."""
    over = or_(UserSession.seen_at <= at - IDLE_MS, UserSession.created_at <= at - ABSOLUTE_MS)
    ended = session.execute(delete(UserSession).where(over).returning(UserSession.digest))
    old = session.execute(delete(LoginAttempt).where(LoginAttempt.at <= at - WINDOW_MS).returning(LoginAttempt.id))
    return len(ended.all()) + len(old.all())
