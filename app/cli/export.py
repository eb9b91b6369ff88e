"""The command that writes recorded requests to a file or a pipe."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar, get_args

import click
from sqlalchemy import select

from app.access.models import ClientKey
from app.cli.group import commands
from app.clock import now_ms
from app.db import reading
from app.errors import Conflict, InvalidInput
from app.names import unknown
from app.usage.export import FORMATS
from app.usage.export import export as pieces
from app.usage.rows import account_labels
from app.usage.search import Filter
from app.values import Outcome

T = TypeVar("T")

_OUTCOMES = ("running", *get_args(Outcome))
_UNITS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


class When(click.ParamType[int]):
    """A time: `2026-01-31`, with a time of day, or how long ago (`90m`, `24h`, `7d`)."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        if text[:-1].isdecimal() and text[-1] in _UNITS:
            return now_ms() - int(text[:-1]) * _UNITS[text[-1]]
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            self.fail("give a date, a date with time (UTC), or how long ago: 90m, 24h, 7d", param, ctx)
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


WHEN = When()


@commands.command("export")
@click.option("--format", "form", type=click.Choice(FORMATS), default="csv", show_default=True, help="What to write.")
@click.option(
    "--output", "-o", "file", type=click.Path(path_type=Path), help="File to write; standard output otherwise."
)
@click.option("--from", "start", type=WHEN, help="Only requests that began at or after this time.")
@click.option("--to", "end", type=WHEN, help="Only requests that began before this time.")
@click.option("--account", "accounts", multiple=True, metavar="NAME", help="Only of this account; repeatable.")
@click.option("--model", "models", multiple=True, help="Only of this model; repeatable.")
@click.option("--key", "keys", multiple=True, metavar="NAME", help="Only of this client key; repeatable.")
@click.option(
    "--status", "statuses", multiple=True, type=click.IntRange(100, 599), help="Only with this status; repeatable."
)
@click.option(
    "--outcome", "outcomes", type=click.Choice(_OUTCOMES), multiple=True, help="Only with this outcome; repeatable."
)
@click.option("--session", "session_id", help="Only of this client session.")
@click.option("--agent", "agent_id", help="Only of this agent.")
@click.option("--text", help="Only with this id, or this text in the error.")
@click.option("--failed/--not-failed", default=None, help="Only failed requests, or only the others.")
@click.option(
    "--synthetic/--not-synthetic", default=None, help="Only requests that ccflare made itself, or the others."
)
def export(form: str, file: Path | None, accounts: tuple[str, ...], keys: tuple[str, ...], **others: object) -> None:
    """Write recorded requests as CSV or JSON lines, newest first."""
    if others["start"] is not None and others["end"] is not None and others["start"] >= others["end"]:  # type: ignore[operator]
        raise InvalidInput.field("from", "give a time before --to")
    wanted = Filter(accounts=_account_ids(accounts), keys=_key_ids(keys), **others)  # type: ignore[arg-type]
    try:
        with click.open_file(str(file) if file else "-", "w", encoding="utf-8") as handle:
            for piece in pieces(wanted, form):
                handle.write(piece)
    except OSError as exc:
        if file is None:
            raise
        raise Conflict(f"The file {file} cannot be written: {exc.strerror}.") from exc


def _account_ids(names: tuple[str, ...]) -> tuple[int, ...]:
    with reading() as session:
        known = {name: int(value) for value, name in account_labels(session).items()} if names else {}
    return tuple(_known("account", name, known) for name in names)


def _key_ids(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        return ()
    with reading() as session:
        known = {name: key_id for name, key_id in session.execute(select(ClientKey.name, ClientKey.id))}
    return tuple(_known("key", name, known) for name in names)


def _known(noun: str, name: str, known: dict[str, T]) -> T:
    if name not in known:
        raise unknown(noun, name, known)
    return known[name]
