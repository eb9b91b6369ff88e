"""People who may log in to the dashboard: one verb an action, each one transaction with its audit entry."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.access.models import User, UserSession
from app.access.passwords import check_password_rules, hash_password, is_password
from app.audit import Actor, note
from app.clock import now_ms
from app.db import reading, transaction
from app.errors import Conflict, InvalidInput, NotAuthenticated
from app.names import checked_name, unknown

USER_ROLES = ("admin", "viewer")


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to be."""

    name: str
    password: str = field(repr=False)
    role: str = "admin"


@dataclass(frozen=True, slots=True)
class UserView:
    """One user as people see it."""

    id: int
    name: str
    role: str
    is_disabled: bool
    created_at: int
    password_changed_at: int
    disabled_at: int | None
    last_login_at: int | None


def create_user(new: NewUser, actor: Actor) -> UserView:
    """Create a user. Raises InvalidInput, or Conflict when the name is taken. Hashes: call off the event loop."""
    row = user_row(new)
    with transaction() as session:
        return insert_user(session, row, actor)


def all_users() -> tuple[UserView, ...]:
    """Return every user in the order of names."""
    with reading() as session:
        return tuple(_view(row) for row in session.execute(select(User).order_by(User.name)).scalars())


def user(user_id: int) -> UserView | None:
    """Return one user by id."""
    with reading() as session:
        row = session.get(User, user_id)
        return _view(row) if row is not None else None


def has_admin() -> bool:
    """Whether an admin exists who may log in."""
    with reading() as session:
        return count_admins(session) > 0


def set_password(name: str, password: str, actor: Actor) -> UserView:
    """Set a user's password and end all of the user's sessions. Hashes: call off the event loop."""
    check_password_rules(password, name)
    phc = hash_password(password)

    def change(session: Session, row: User) -> None:
        row.password, row.password_changed_at = phc, now_ms()
        _end_sessions(session, row)

    return _changed(name, "user.set_password", change, actor)


def set_role(name: str, role: str, actor: Actor) -> UserView:
    """Make a user an admin or a viewer. The last admin stays one."""
    _check_role(role)

    def change(session: Session, row: User) -> str:
        if role != "admin":
            _keep_an_admin(session, row)
        old, row.role = row.role, role
        return f"{old} -> {role}"

    return _changed(name, "user.set_role", change, actor)


def disable(name: str, actor: Actor) -> UserView:
    """Shut a user out, at once and until enabled again. The last admin stays."""

    def change(session: Session, row: User) -> None:
        _keep_an_admin(session, row)
        row.disabled_at = row.disabled_at or now_ms()
        _end_sessions(session, row)

    return _changed(name, "user.disable", change, actor)


def enable(name: str, actor: Actor) -> UserView:
    """Let a disabled user log in again."""

    def change(_session: Session, row: User) -> None:
        row.disabled_at = None

    return _changed(name, "user.enable", change, actor)


def check_password(name: str, password: str) -> UserView:
    """Return whose password this is. Raises NotAuthenticated with one text, and after the same work, for every fault.

    Hashes: call off the event loop. Log-ins go through `app.access.logins`, which throttles.
    """
    with reading() as session:
        row = session.execute(select(User).where(User.name == name)).scalar_one_or_none()
    if not is_password(password, row.password if row is not None else None) or row is None or row.disabled_at:
        raise NotAuthenticated("The name or the password is wrong.")
    return _view(row)


def user_row(new: NewUser) -> User:
    """Return the row of a user to be, its password hashed. Raises InvalidInput. Call outside a transaction."""
    checked_name(new.name)
    _check_role(new.role)
    check_password_rules(new.password, new.name)
    at = now_ms()
    return User(
        name=new.name, role=new.role, password=hash_password(new.password), created_at=at, password_changed_at=at
    )


def insert_user(session: Session, row: User, actor: Actor) -> UserView:
    """Store a user within the caller's transaction. Raises Conflict."""
    session.add(row)
    try:
        session.flush()
    except IntegrityError as exc:
        raise Conflict(f"There is a user named {row.name} already.", details={"name": "is taken"}) from exc
    note(session, actor, "user.create", row.name, f"role {row.role}")
    return _view(row)


def count_admins(session: Session) -> int:
    """Return how many admins may log in."""
    statement = select(func.count()).select_from(User).where(User.role == "admin", User.disabled_at.is_(None))
    return session.execute(statement).scalar_one()


def _changed(name: str, action: str, change: Callable[[Session, User], str | None], actor: Actor) -> UserView:
    with transaction() as session:
        row = session.execute(select(User).where(User.name == name)).scalar_one_or_none()
        if row is None:
            raise unknown("user", name, session.execute(select(User.name)).scalars())
        note(session, actor, action, row.name, change(session, row))
        session.flush()
        return _view(row)


def _check_role(role: str) -> None:
    if role not in USER_ROLES:
        raise InvalidInput.field("role", f"give one of {', '.join(USER_ROLES)}")


def _keep_an_admin(session: Session, row: User) -> None:
    if row.role == "admin" and row.disabled_at is None and count_admins(session) == 1:
        raise Conflict(f"{row.name} is the last admin. Create another one first.")


def _end_sessions(session: Session, row: User) -> None:
    session.execute(delete(UserSession).where(UserSession.user_id == row.id))


def _view(row: User) -> UserView:
    return UserView(
        id=row.id,
        name=row.name,
        role=row.role,
        is_disabled=row.disabled_at is not None,
        created_at=row.created_at,
        password_changed_at=row.password_changed_at,
        disabled_at=row.disabled_at,
        last_login_at=row.last_login_at,
    )
