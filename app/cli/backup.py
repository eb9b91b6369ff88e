"""Commands that copy the database to a file and back."""

import sys
from pathlib import Path

import click

from app import backup as room
from app.cli import output
from app.cli.group import actor, commands
from app.cli.output import json_option
from app.runtime import runtime

_FILE = click.Path(path_type=Path, dir_okay=False)


@commands.command("backup")
@click.argument("file", type=_FILE)
@json_option
def backup(file: Path) -> None:
    """Copy the database to FILE while the server runs, and verify the copy."""
    made = room.backup(runtime(), file, actor(), _progress if sys.stderr.isatty() else None)
    output.show(
        made,
        f"Backed up {output.counted(made.requests, 'request')}, {output.size(made.size_bytes)}, to {made.path}; "
        "verified.\n"
        f"It cannot be opened without the encryption keys: keep a copy of {made.keys} apart from it.",
    )


@commands.command("restore")
@click.argument("file", type=_FILE)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def restore(file: Path, yes: bool) -> None:
    """Put a backup in the place of the database; the server must be stopped."""
    if not yes:
        output.confirm_or_fail(f"Replace the database by {file}?")
    done = room.restore(runtime(), file, actor())
    kept = f" What was there before is kept as {done.kept}." if done.kept else ""
    output.show(done, f"Restored {output.counted(done.requests, 'request')} from {file}.{kept}")


def _progress(share: float) -> None:
    click.echo(f"\r{share:4.0%}", nl=share >= 1, err=True)
