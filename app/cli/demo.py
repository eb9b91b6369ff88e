"""`flask ccflare demo`: the server with a scripted upstream and a few requests, without any account."""

import os
import sys
from pathlib import Path

import click

from app.cli.group import commands

_SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "demo.py"


@commands.command("demo")
@click.option("--once", is_flag=True, help="Stop when the requests are done.")
def demo(once: bool) -> None:
    """Show ccflare working without any account."""
    os.execv(sys.executable, [sys.executable, str(_SCRIPT), *(["--once"] if once else [])])  # noqa: S606 - no shell is what is wanted
