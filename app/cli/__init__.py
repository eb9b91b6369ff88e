"""The command line: `flask ccflare <verb>`. Each command parses, calls one verb of a room, and shows the answer."""

from app.cli import (
    accounts,
    backup,
    demo,
    doctor,
    export,
    history,
    jobs,
    keys,
    oauth,
    prices,
    rotation,
    server,
    settings,
    top,
    users,
    why,
)
from app.cli.group import commands

__all__ = [
    "accounts",
    "backup",
    "commands",
    "demo",
    "doctor",
    "export",
    "history",
    "jobs",
    "keys",
    "oauth",
    "prices",
    "rotation",
    "server",
    "settings",
    "top",
    "users",
    "why",
]
