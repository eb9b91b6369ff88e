"""The command line: `flask ccflare <verb>`. Each command parses, calls one verb of a room, and shows the answer."""

from app.cli.group import commands

__all__ = ["commands"]
