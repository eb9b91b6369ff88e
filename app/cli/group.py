"""`flask ccflare`: the group that every command is in, and what it does with errors."""

import getpass
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.exc import SQLAlchemyError

from app.audit import Actor
from app.cli import output
from app.errors import CcflareError, Unavailable

VERBS: Mapping[str, tuple[str, ...]] = {
    "accounts": (
        *("add-account", "auto-refresh", "force-reset", "list", "pause", "remove", "rename", "resume"),
        *("set-endpoint", "set-key", "set-model-mapping", "set-priority"),
    ),
    "backup": ("backup", "restore"),
    "demo": ("demo",),
    "doctor": ("doctor",),
    "export": ("export",),
    "history": ("analyze", "clear-history", "reset-stats", "stats"),
    "jobs": ("jobs",),
    "keys": ("keys",),
    "oauth": ("import-claude-code", "reauthenticate"),
    "prices": ("prices", "reprice"),
    "rotation": ("rotate-key",),
    "server": ("logs", "serve"),
    "settings": ("config", "get-model", "set-model"),
    "top": ("top",),
    "users": ("create-user", "disable-user", "enable-user", "set-password", "set-role", "users"),
    "why": ("why",),
}
"""Module -> its commands. A module, with all that it needs, is imported when a command of it is wanted."""

_MODULES = {verb: module for module, verbs in VERBS.items() for verb in verbs}


class _Commands(AppGroup):
    """A group whose commands are imported when they are wanted, and end with one clear line when a room refuses."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _MODULES:
            import_module(f"app.cli.{_MODULES[cmd_name]}")
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CcflareError as exc:
            output.fail(exc)
        except SQLAlchemyError as exc:
            output.fail(database_fault(exc))


@click.group("ccflare", cls=_Commands, invoke_without_command=True)
@click.pass_context
def commands(ctx: click.Context) -> None:
    """Run and look after ccflare."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def database_fault(exc: SQLAlchemyError) -> Unavailable:
    """Return what a failure of the database means for the one who ran a command."""
    reason = str(getattr(exc, "orig", None) or exc).splitlines()[0]
    return Unavailable(f"The database cannot be used now: {reason}")


def actor() -> Actor:
    """Return who runs the command: the user of the operating system."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Actor(f"cli:{name}"[:120])
