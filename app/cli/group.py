"""`flask ccflare`: the group that every command is in, and what it does with errors."""

import getpass
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.exc import SQLAlchemyError

from app.audit import Actor
from app.cli import output
from app.errors import CcflareError, Unavailable


class _Commands(AppGroup):
    """A group whose commands end with one clear line when a room refuses."""

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
