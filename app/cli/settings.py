"""Commands on settings: each with its value and where that comes from."""

import click
from flask.cli import AppGroup

from app import preferences
from app.cli import output
from app.cli.group import actor, commands
from app.cli.output import json_option
from app.errors import InvalidInput
from app.runtime import runtime
from config import SettingRow

_MODEL = "default_model"


@click.group("config", cls=AppGroup, invoke_without_command=True, help="Show or change settings.")
@json_option
@click.pass_context
def config(ctx: click.Context) -> None:
    """List every setting unless a subcommand is named."""
    if ctx.invoked_subcommand is None:
        rows = runtime().settings.rows()
        output.show(rows, lambda: _table(rows))


commands.add_command(config)


@config.command("get")
@click.argument("name")
@json_option
def get(name: str) -> None:
    """Show one setting."""
    row = preferences.row_of(runtime().settings, name)
    pairs = (
        ("name", row.name),
        ("value", row.value or "(empty)"),
        ("from", row.origin),
        ("default", row.default or "(empty)"),
        ("variable", row.env),
        ("accepts", row.expects),
        ("changes at run time", "yes" if row.runtime else "no"),
        ("meaning", row.help),
    )
    output.show(row, lambda: output.facts(pairs))


@config.command("set")
@click.argument("name")
@click.argument("value")
@json_option
def set_(name: str, value: str) -> None:
    """Change a setting at run time; a running server follows within a second."""
    row = preferences.change(runtime().settings, name, value, actor())
    output.show(row, f"{row.name} is {row.value or 'empty'} now.")


@config.command("unset")
@click.argument("name")
@json_option
def unset(name: str) -> None:
    """Give a setting its default back."""
    row = preferences.reset(runtime().settings, name, actor())
    output.show(row, f"{row.name} is {row.value or 'empty'} now, its default.")


@commands.command("get-model")
@json_option
def get_model() -> None:
    """Show the default model."""
    row = preferences.row_of(runtime().settings, _MODEL)
    output.show({"model": row.value or None, "origin": row.origin}, row.value or "No default model is set.")


@commands.command("set-model")
@click.argument("model")
@json_option
def set_model(model: str) -> None:
    """Set the default model."""
    if not model.strip():
        raise InvalidInput.field("model", f"is empty; `flask ccflare config unset {_MODEL}` removes the default model")
    row = preferences.change(runtime().settings, _MODEL, model, actor())
    output.show({"model": row.value, "origin": row.origin}, f"The default model is {row.value}.")


def _table(rows: tuple[SettingRow, ...]) -> str:
    lines = [(row.env, row.value, row.origin, "yes" if row.runtime else "no") for row in rows]
    return output.table(("VARIABLE", "VALUE", "FROM", "AT RUN TIME"), lines, whole=frozenset({0}))
