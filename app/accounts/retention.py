"""What the accounts room forgets: cool-downs, session pins and begun log-ins that are over."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.accounts.models import ModelCooldown, PendingLogin, SessionPin

_GRACE_MS = 3_600_000
"""What is just over may still be in somebody's hands, and explains what is seen."""


def forget_expired(session: Session, at: int, session_duration_ms: int, limit: int) -> int:
    """Remove what has no effect any more, pins at most `limit` at a time; return how many rows went."""
    over = at - _GRACE_MS
    cooled = session.execute(delete(ModelCooldown).where(ModelCooldown.until <= over).returning(ModelCooldown.family))
    begun = session.execute(delete(PendingLogin).where(PendingLogin.expires_at <= over).returning(PendingLogin.id))
    idle = select(SessionPin.session_id).where(SessionPin.used_at <= over - session_duration_ms).limit(limit)
    pins = session.execute(
        delete(SessionPin).where(SessionPin.session_id.in_(idle.scalar_subquery())).returning(SessionPin.session_id)
    )
    return len(cooled.all()) + len(begun.all()) + len(pins.all())
