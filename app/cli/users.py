"""Commands on people who may log in to the dashboard."""

import click
from flask.cli import AppGroup

from app.access import users as service
from app.access.users import NewUser
from app.cli import output
from app.cli.group import actor, commands
from app.cli.output import json_option
from app.clock import now_ms

_STDIN = "--password-stdin"

users = AppGroup("users", help="List the users; create-user and its like change them.")
commands.add_command(users)


@users.command("list")
@json_option
def list_users() -> None:
    """List the users."""
    views = service.all_users()
    rows = [
        (
            view.name,
            view.role,
            "disabled" if view.is_disabled else "active",
            output.when(view.last_login_at, now_ms()),
            output.when(view.created_at, now_ms()),
        )
        for view in views
    ]
    headers = ("NAME", "ROLE", "STATE", "LAST LOG-IN", "CREATED")
    empty = "There is no user. `flask ccflare create-user` makes one."
    output.show(views, lambda: output.table(headers, rows) if rows else empty)


@commands.command("create-user")
@click.argument("name")
@click.option("--role", type=click.Choice(service.USER_ROLES), default="admin", show_default=True)
@click.option(_STDIN, is_flag=True, help="Read the password from standard input.")
@json_option
def create_user(name: str, role: str, password_stdin: bool) -> None:
    """Create a user of the dashboard."""
    password = output.read_secret(f"Password of {name}", _STDIN, password_stdin, repeat=True)
    view = service.create_user(NewUser(name, password, role), actor())
    output.show(view, f"Created {view.name}, {view.role}.")


@commands.command("set-password")
@click.argument("name")
@click.option(_STDIN, is_flag=True, help="Read the password from standard input.")
@json_option
def set_password(name: str, password_stdin: bool) -> None:
    """Set a user's password and end the user's sessions."""
    password = output.read_secret(f"New password of {name}", _STDIN, password_stdin, repeat=True)
    view = service.set_password(name, password, actor())
    output.show(view, f"{view.name} has a new password; all sessions have ended.")


@commands.command("set-role")
@click.argument("name")
@click.argument("role", type=click.Choice(service.USER_ROLES))
@json_option
def set_role(name: str, role: str) -> None:
    """Make a user an admin or a viewer."""
    view = service.set_role(name, role, actor())
    output.show(view, f"{view.name} is {view.role} now.")


@commands.command("disable-user")
@click.argument("name")
@json_option
def disable_user(name: str) -> None:
    """Shut a user out, at once and until enabled again."""
    view = service.disable(name, actor())
    output.show(view, f"{view.name} is disabled.")


@commands.command("enable-user")
@click.argument("name")
@json_option
def enable_user(name: str) -> None:
    """Let a disabled user log in again."""
    view = service.enable(name, actor())
    output.show(view, f"{view.name} may log in.")
