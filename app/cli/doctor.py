"""The command that looks at everything."""

import click

from app.checkup import examine
from app.cli import output
from app.cli.group import commands
from app.cli.output import json_option
from app.runtime import runtime

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@commands.command("doctor")
@json_option
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Check database, keys, clock, every account's host, prices and disk."""
    checks = examine(run=runtime())
    if output.is_json():
        output.show({"ok": all(check.result != "fail" for check in checks), "checks": checks}, "")
    else:
        width = output.widest(check.subject for check in checks)
        for check in checks:
            mark = click.style(f"{check.result:<4}", fg=_COLOURS[check.result])
            click.echo(f"{mark}  {output.padded(check.subject, width)}  {output.clean(check.detail)}")
    if any(check.result == "fail" for check in checks):
        ctx.exit(1)
