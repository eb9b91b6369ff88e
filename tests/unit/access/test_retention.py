from flask import Flask
from sqlalchemy import select

from app.access.logins import WINDOW_MS
from app.access.models import LoginAttempt, User, UserSession
from app.access.retention import forget_expired
from app.access.sessions import ABSOLUTE_MS, IDLE_MS
from app.db import transaction

NOW = 1_790_000_000_000


def test_sessions_and_attempts_go_when_they_no_longer_count(app: Flask) -> None:
    with transaction() as session:
        session.add(User(id=1, name="ann", password="-", role="admin", created_at=1, password_changed_at=1))
        session.flush()
        for name, created_at, seen_at in (
            (b"idle", NOW - IDLE_MS, NOW - IDLE_MS),
            (b"too long", NOW - ABSOLUTE_MS, NOW),
            (b"running", NOW - IDLE_MS, NOW - IDLE_MS + 1),
        ):
            session.add(UserSession(digest=name, user_id=1, created_at=created_at, seen_at=seen_at))
        session.add(LoginAttempt(subject="old", at=NOW - WINDOW_MS))
        session.add(LoginAttempt(subject="counts", at=NOW - WINDOW_MS + 1))
        session.flush()
        assert forget_expired(session, NOW) == 3
        assert list(session.execute(select(UserSession.digest)).scalars()) == [b"running"]
        assert list(session.execute(select(LoginAttempt.subject)).scalars()) == ["counts"]
        assert forget_expired(session, NOW) == 0
