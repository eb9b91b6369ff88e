"""The command line: `flask ccflare <verb>`. Each command parses, calls one verb of a room, and shows the answer."""

from app.cli import accounts, demo, doctor, history, jobs, keys, oauth, rotation, server, settings, users
from app.cli.group import commands

__all__ = [
    "accounts",
    "commands",
    "demo",
    "doctor",
    "history",
    "jobs",
    "keys",
    "oauth",
    "rotation",
    "server",
    "settings",
    "users",
]
