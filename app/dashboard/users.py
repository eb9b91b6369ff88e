"""People who may log in: the list, a new one, another role or password, shut out and let in again."""

from flask import url_for
from flask.typing import ResponseReturnValue

from app.access import users as service
from app.access.passwords import check_password_rules
from app.access.users import NewUser, UserView
from app.dashboard import forms, show
from app.dashboard.blueprints import dashboard
from app.errors import CcflareError, Conflict, InvalidInput, NotFound
from app.gate.visitors import actor
from app.names import checked_name


@dashboard.get("/users")
def users() -> ResponseReturnValue:
    """Show every user."""
    return _shown()


@dashboard.route("/users/create", methods=["GET", "POST"])
def create_user() -> ResponseReturnValue:
    """Create a user."""
    if not forms.is_sent():
        return show.form("pages/user_create.html", values={})
    try:
        name, password = forms.text("name"), forms.secret("password")
        forms.read(name=lambda: checked_name(name), password=lambda: check_password_rules(password, name))
        user = service.create_user(NewUser(name, password, forms.text("role")), actor())
    except CcflareError as exc:
        return show.form("pages/user_create.html", exc, values=forms.sent())
    return show.done(url_for("dashboard.users"), f"{user.name} may log in.")


@dashboard.route("/users/<row_id:user_id>/password", methods=["GET", "POST"])
def set_user_password(user_id: int) -> ResponseReturnValue:
    """Give a user another password; the user's sessions end."""
    user = _found(user_id)
    if not forms.is_sent():
        return show.form("pages/user_password.html", user=user)
    try:
        service.set_password(user.name, forms.secret("password"), actor())
    except CcflareError as exc:
        return show.form("pages/user_password.html", exc, user=user)
    return show.done(url_for("dashboard.users"), f"{user.name} has a new password and is logged out everywhere.")


@dashboard.post("/users/<row_id:user_id>/role")
def set_user_role(user_id: int) -> ResponseReturnValue:
    """Make a user an admin or a viewer."""
    name = _found(user_id).name
    try:
        user = service.set_role(name, forms.text("role"), actor())
    except (InvalidInput, Conflict) as exc:
        return _shown(exc)
    return show.done(url_for("dashboard.users"), f"{user.name} is {user.role} now.")


@dashboard.post("/users/<row_id:user_id>/disable")
def disable_user(user_id: int) -> ResponseReturnValue:
    """Shut a user out, at once."""
    name = _found(user_id).name
    try:
        user = service.disable(name, actor())
    except Conflict as exc:
        return _shown(exc)
    return show.done(url_for("dashboard.users"), f"{user.name} is shut out.")


@dashboard.post("/users/<row_id:user_id>/enable")
def enable_user(user_id: int) -> ResponseReturnValue:
    """Let a user in again."""
    user = service.enable(_found(user_id).name, actor())
    return show.done(url_for("dashboard.users"), f"{user.name} may log in.")


def _shown(error: CcflareError | None = None) -> ResponseReturnValue:
    return show.form("pages/users.html", error, users=service.all_users())


def _found(user_id: int) -> UserView:
    user = service.user(user_id)
    if user is None:
        raise NotFound("There is no such user.")
    return user
