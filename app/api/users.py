"""People who may log in, over the API."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from flask import Blueprint

from app.access import users as room
from app.access.users import NewUser, UserView
from app.api.operations import operation
from app.api.rules import Chars, Name
from app.errors import NotFound
from app.gate.visitors import actor

users = Blueprint("users", __name__, url_prefix="/users")

USER = "/<row_id:user_id>"
Role = Literal["admin", "viewer"]
Password = Annotated[str, Chars(8, 128)]


@dataclass(frozen=True, slots=True)
class UserOrder:
    """A user to be."""

    name: Name
    password: Password = field(repr=False)
    role: Role = "admin"


@dataclass(frozen=True, slots=True)
class NewRole:
    """Another role."""

    role: Role


@dataclass(frozen=True, slots=True)
class NewPassword:
    """Another password."""

    password: Password = field(repr=False)


@users.get("")
@operation()
def all_users() -> tuple[UserView, ...]:
    """List every user."""
    return room.all_users()


@users.post("")
@operation(status=201, errors=(409,))
def create_user(body: UserOrder) -> UserView:
    """Create a user."""
    return room.create_user(NewUser(body.name, body.password, body.role), actor())


@users.get(USER)
@operation()
def one_user(user_id: int) -> UserView:
    """Show one user."""
    return _found(user_id)


@users.post(f"{USER}/role")
@operation(errors=(409,))
def set_role(user_id: int, body: NewRole) -> UserView:
    """Make a user an admin or a viewer. The last admin stays one: 409."""
    return room.set_role(_found(user_id).name, body.role, actor())


@users.post(f"{USER}/password")
@operation()
def set_password(user_id: int, body: NewPassword) -> UserView:
    """Give a user another password; all of the user's sessions end."""
    return room.set_password(_found(user_id).name, body.password, actor())


@users.post(f"{USER}/disable")
@operation(errors=(409,))
def disable_user(user_id: int) -> UserView:
    """Shut a user out, at once. The last admin stays: 409."""
    return room.disable(_found(user_id).name, actor())


@users.post(f"{USER}/enable")
@operation()
def enable_user(user_id: int) -> UserView:
    """Let a user in again."""
    return room.enable(_found(user_id).name, actor())


def _found(user_id: int) -> UserView:
    user = room.user(user_id)
    if user is None:
        raise NotFound(f"There is no user with the id {user_id}.")
    return user
