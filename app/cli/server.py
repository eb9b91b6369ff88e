"""Commands on the server: run it, read its log."""

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress

import click

from app.cli import output
from app.cli.group import commands
from app.cli.output import json_option
from app.log_lines import read_line
from app.logs import follow, log_path, tail
from app.runtime import runtime
from config import PROJECT_ROOT

_GUNICORN = ("-m", "gunicorn", "-k", "gevent", "wsgi:app")


@commands.command("serve")
@click.option("--host", help="Address to listen on; HOST otherwise.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on; PORT otherwise.")
def serve(host: str | None, port: int | None) -> None:
    """Run the server in the foreground."""
    for name, value in (("CCFLARE_HOST", host), ("CCFLARE_PORT", port)):
        if value is not None:
            os.environ[name] = str(value)
    os.environ.pop("FLASK_RUN_FROM_CLI", None)
    os.chdir(PROJECT_ROOT)
    # A new process: gevent must patch before anything else is imported, and here everything is.
    os.execv(sys.executable, (sys.executable, *_GUNICORN))  # noqa: S606 - no shell is what is wanted


@commands.command("logs")
@click.argument("count", metavar="[N]", type=click.IntRange(min=0), default=100)
@click.option("--no-follow", is_flag=True, help="Stop after the last N lines.")
@json_option
def logs(count: int, no_follow: bool) -> None:
    """Print the last N log lines (100), then follow."""
    path = log_path(runtime().settings)
    print_line: Callable[[str], None] = _print_json if output.is_json() else click.echo
    if not path.exists():
        click.echo(f"There is no log yet; a server writes it to {path}.", err=True)
    with suppress(KeyboardInterrupt):
        for line in tail(path, count) if no_follow else follow(path, count):
            print_line(line)


def _print_json(line: str) -> None:
    """Print a line as one JSON object: itself when it is one, else its parts; of what follows a line the message."""
    try:
        is_object = isinstance(json.loads(line), dict)
    except ValueError:
        is_object = False
    if is_object:
        click.echo(line)
        return
    told = read_line(line)
    parts = {"at": None if told.at is None else output.iso(told.at), "level": told.level or None}
    parts |= {"logger": told.logger or None, "message": told.message}
    click.echo(json.dumps(parts | ({"request_id": told.request_id} if told.request_id else {}), ensure_ascii=False))
