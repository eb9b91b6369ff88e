"""Commands on client keys."""

import re
from decimal import Decimal, InvalidOperation

import click
from flask.cli import AppGroup

from app.access import service
from app.access.service import KeyOrder, KeyView
from app.cli import output
from app.cli.group import actor, commands
from app.cli.output import json_option
from app.clock import now_ms
from app.runtime import runtime

_MAX_A_MINUTE = (1 << 53) - 1
_UNITS_MS = {"h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}

keys = AppGroup("keys", help="Create, list, revoke and rename client keys.")
commands.add_command(keys)


@keys.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice(service.KEY_ROLES), default="client", show_default=True)
@click.option("--expires-in", metavar="TIME", help="Such as 12h, 30d, 8w.")
@click.option("--model", "models", multiple=True, help="Model or family that it may ask for; repeatable.")
@click.option("--budget", metavar="USD", help="Spending limit per calendar month (UTC).")
@click.option("--requests-per-minute", type=click.IntRange(1, _MAX_A_MINUTE))
@json_option
def create(
    name: str,
    role: str,
    expires_in: str | None,
    models: tuple[str, ...],
    budget: str | None,
    requests_per_minute: int | None,
) -> None:
    """Create a key and show it, this once."""
    order = KeyOrder(
        name=name,
        role=role,
        expires_at=now_ms() + _duration_ms(expires_in) if expires_in else None,
        models=models,
        budget_micro_usd=_micro_usd(budget) if budget else None,
        requests_per_minute=requests_per_minute,
    )
    made = service.create_key(runtime().pepper, order, actor())
    shown = {"id": made.view.id, "key": made.key, "name": made.view.name, "role": made.view.role}
    output.show(
        shown | {"expires_at": made.view.expires_at},
        f"{made.key}\n\nThis is the only time that the key of {made.view.name} is shown. "
        "Clients send it in x-api-key or as Bearer.",
    )


@keys.command("list")
@json_option
def list_keys() -> None:
    """List the keys."""
    views = service.all_keys()
    empty = "There is no key: clients on this machine need none. `flask ccflare keys create` makes one."
    output.show(views, lambda: _table(views) if views else empty)


@keys.command("revoke")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def revoke(name: str, yes: bool) -> None:
    """Put a key out of force for good."""
    if not yes:
        output.confirm_or_fail(f"Revoke the key {name} for good?")
    view = service.revoke_key(name, actor())
    output.show(view, f"Revoked {view.name} ({view.prefix}).")


@keys.command("rename")
@click.argument("name")
@click.argument("new_name")
@json_option
def rename(name: str, new_name: str) -> None:
    """Give a key another name."""
    view = service.rename_key(name, new_name, actor())
    output.show(view, f"{name} is called {view.name} now.")


def _table(views: tuple[KeyView, ...]) -> str:
    at = now_ms()
    rows = [
        (
            view.name,
            view.prefix,
            view.role,
            view.state,
            output.when(view.expires_at, at) if view.expires_at else "never",
            output.when(view.last_used_at, at),
            _limits(view),
        )
        for view in views
    ]
    return output.table(("NAME", "BEGINS WITH", "ROLE", "STATE", "EXPIRES", "LAST USED", "LIMITS"), rows)


def _limits(view: KeyView) -> str:
    parts = [
        f"{output.usd(view.budget_micro_usd)} a month" if view.budget_micro_usd is not None else "",
        f"{view.requests_per_minute} a minute" if view.requests_per_minute is not None else "",
        ", ".join(view.models),
    ]
    return "; ".join(part for part in parts if part) or output.NOTHING


def _duration_ms(text: str) -> int:
    match = re.fullmatch(r"(\d{1,5})([hdw])", text, re.ASCII)
    if match is None or int(match[1]) == 0:
        raise click.UsageError(f"--expires-in: {text!r} is no time. Give a number and h, d or w.")
    return int(match[1]) * _UNITS_MS[match[2]]


def _micro_usd(text: str) -> int:
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not Decimal("0.000001") <= amount <= 1_000_000_000:
        raise click.UsageError(f"--budget: {text!r} is no amount in USD above zero.")
    return int(amount * 1_000_000)
