"""Log-ins, throttled by name and by address over all workers: the failures of the last while are in the database."""

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.access.models import LoginAttempt, User
from app.access.users import UserView, check_password
from app.audit import Actor, note
from app.clock import now_ms
from app.db import transaction
from app.errors import InvalidInput, NotAuthenticated, TooMany

WINDOW_MS = 15 * 60_000
MAX_BY_NAME = 10
MAX_BY_ADDRESS = 30
"""Several people may share an address."""


def log_in(name: str, password: str, address: str | None) -> UserView:
    """Return the user who logged in. Raises TooMany or NotAuthenticated. Hashes: call off the event loop.

    An attempt counts before its password is looked at, so that many at the same time gain nothing.
    """
    limits = {_by_name(name): MAX_BY_NAME}
    if address:
        limits[_by_address(address)] = MAX_BY_ADDRESS
    with transaction() as session:
        wait_s = _count(session, limits)
    if wait_s:
        raise TooMany("Too many log-ins have failed. Wait before the next one.", retry_after_s=wait_s)
    actor = Actor(name[:100], address)
    try:
        user = check_password(name, password)
    except NotAuthenticated:
        with transaction() as session:
            note(session, actor, "user.log_in_failed", name[:200])
        raise
    with transaction() as session:
        session.execute(delete(LoginAttempt).where(LoginAttempt.subject == _by_name(name)))
        if address:
            _take_back(session, _by_address(address))
        session.execute(update(User).where(User.id == user.id).values(last_login_at=now_ms()))
        note(session, actor, "user.log_in", user.name)
    return user


def check_own_password(name: str, password: str, address: str | None) -> UserView:
    """Return the user who typed the own password once more, throttled like a log-in. Raises as `log_in` does."""
    with transaction() as session:
        wait_s = _count(session, {_by_name(name): MAX_BY_NAME})
    if wait_s:
        raise TooMany("Too many wrong passwords. Wait before the next one.", retry_after_s=wait_s)
    try:
        user = check_password(name, password)
    except NotAuthenticated as exc:
        with transaction() as session:
            note(session, Actor(name, address), "user.log_in_failed", name)
        raise InvalidInput.field("former", "is not the present password") from exc
    with transaction() as session:
        session.execute(delete(LoginAttempt).where(LoginAttempt.subject == _by_name(name)))
    return user


def _by_name(name: str) -> str:
    return f"name:{name.casefold()}"[:200]


def _by_address(address: str) -> str:
    return f"address:{address}"[:200]


def _count(session: Session, limits: dict[str, int]) -> int:
    """Count an attempt for each subject; return how many seconds it comes too early, 0 when it may go on."""
    at = now_ms()
    session.execute(delete(LoginAttempt).where(LoginAttempt.at <= at - WINDOW_MS))
    free_at = at
    for subject, limit in limits.items():
        newest = (
            select(LoginAttempt.at)
            .where(LoginAttempt.subject == subject)
            .order_by(LoginAttempt.at.desc())
            .offset(limit - 1)
            .limit(1)
        )
        full_since = session.execute(newest).scalar()
        if full_since is not None:
            free_at = max(free_at, full_since + WINDOW_MS)
    if free_at > at:
        return -(-(free_at - at) // 1000)
    session.add_all([LoginAttempt(subject=subject, at=at) for subject in limits])
    return 0


def _take_back(session: Session, subject: str) -> None:
    """Take back the attempt that turned out right; the failures of others at the address stay."""
    last = select(func.max(LoginAttempt.id)).where(LoginAttempt.subject == subject).scalar_subquery()
    session.execute(delete(LoginAttempt).where(LoginAttempt.id == last))
