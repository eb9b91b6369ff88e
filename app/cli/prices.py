"""Commands on prices: those that the operator enters, and computing costs anew."""

import json
import sys
from dataclasses import astuple
from decimal import Decimal, InvalidOperation
from typing import IO

import click

from app.cli import output
from app.cli.export import WHEN
from app.cli.group import actor, commands
from app.cli.output import json_option
from app.clock import now_ms
from app.errors import InvalidInput
from app.usage import money
from app.usage import prices as room
from app.usage.pricing import CLASSES, Rates, price_version
from app.usage.reprice import reprice as room_reprice
from app.usage.spans import DAY_MS


class Usd(click.ParamType[int]):
    """An amount of USD, as micro-USD."""

    name = "usd"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return micro_usd(value)
        except InvalidInput as exc:
            self.fail(exc.message, param, ctx)


def micro_usd(value: object) -> int:
    """Return an amount of USD as whole micro-USD. Raises InvalidInput."""
    try:
        exact = Decimal(str(value)) * 1_000_000
        if isinstance(value, bool) or exact != exact.to_integral_value() or abs(exact) > room.MAX_RATE:
            raise InvalidInput(f"{value} is no amount of USD with at most six decimal places")
    except InvalidOperation:
        raise InvalidInput(f"{value} is no amount of USD") from None
    return int(exact)


@commands.group("prices")
def prices() -> None:
    """Prices of models."""


@prices.command("list")
@json_option
def list_() -> None:
    """Show the entered prices, and the models that have none."""
    own, missing = room.own_prices(), money.unpriced_models(now_ms() - 30 * DAY_MS)
    value = {"table": price_version(), "own": own, "unpriced": missing}
    rows = [(one.model, *(_usd(rate) for rate in astuple(one.rates))) for one in own]
    names = ("MODEL", *(name.upper().replace("_", " ") for name in CLASSES))
    parts = [f"Prices of {price_version()} ship with ccflare."]
    if rows:
        parts.append(
            "Entered, USD per million tokens or searches:\n" + output.table(names, rows, right=frozenset(range(1, 7)))
        )
    if missing:
        used = [(one.model, output.number(one.requests), output.number(one.tokens)) for one in missing]
        listed = output.table(("MODEL", "REQUESTS", "TOKENS"), used, right=frozenset({1, 2}))
        parts.append(f"Without a price, last 30 days:\n{listed}")
    output.show(value, "\n\n".join(parts))


@prices.command("set")
@click.argument("model")
@click.option("--input", type=Usd(), help="USD per million tokens; so are the next four.")
@click.option("--output", type=Usd())
@click.option("--cache-read", type=Usd())
@click.option("--cache-write-5m", type=Usd())
@click.option("--cache-write-1h", type=Usd())
@click.option("--web-search", type=Usd(), help="USD per million searches.")
@json_option
def set_(model: str, **rates: int | None) -> None:
    """Enter the prices of a MODEL."""
    (name,) = room.set_prices({model: Rates(**rates)}, actor())
    output.show(
        {"model": name}, f"{name} is priced so from now on; `flask ccflare reprice` brings older requests in line."
    )


@prices.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@json_option
def import_(file: IO[str]) -> None:
    """Enter the prices in FILE: a JSON object, model -> {"input": USD per million, "output": ...}."""
    try:
        document = json.load(file, parse_float=Decimal)
    except ValueError as exc:
        raise InvalidInput.field("file", f"is no JSON: {exc}") from exc
    if not isinstance(document, dict) or not all(isinstance(one, dict) for one in document.values()):
        raise InvalidInput.field("file", "holds no object of models with their prices")
    strange = {name for one in document.values() for name in one} - set(CLASSES)
    if strange:
        raise InvalidInput.field("file", f"{', '.join(sorted(strange))}: give {', '.join(CLASSES)}")
    rates = {
        model: Rates(**{name: _imported(model, name, rate) for name, rate in one.items()})
        for model, one in document.items()
    }
    names = room.set_prices(rates, actor())
    output.show({"models": names}, f"Entered prices of {output.counted(len(names), 'model')}.")


@prices.command("remove")
@click.argument("model")
@json_option
def remove(model: str) -> None:
    """Go back to the price of a MODEL that ships with ccflare."""
    room.remove_price(model, actor())
    output.show({"model": model}, f"The entered price of {model} is gone.")


@commands.command("reprice")
@click.option("--from", "since", type=WHEN, help="Only requests that began at or after this time.")
@click.option("--to", "until", type=WHEN, help="Only requests that began before this time.")
@click.option("--restart", is_flag=True, help="Do not go on where an earlier run was interrupted.")
@json_option
def reprice(since: int | None, until: int | None, restart: bool) -> None:
    """Compute the cost of recorded requests anew, with the prices of today."""
    done = None
    for done in room_reprice(actor(), since, until, restart=restart):
        if sys.stderr.isatty():
            click.echo(f"\r{done.share:4.0%}", nl=done.is_done, err=True)
    if done is not None:
        change = f"{output.usd(done.before_micro_usd)} -> {output.usd(done.after_micro_usd)}"
        output.show(done, f"Looked at {output.counted(done.seen, 'request')}, changed {done.changed:,}: {change}")


def _imported(model: str, name: str, rate: object) -> int | None:
    try:
        return None if rate is None else micro_usd(rate)
    except InvalidInput as exc:
        raise InvalidInput.field("file", f"{name} of {model}: {exc.message}") from exc


def _usd(rate: int | None) -> str:
    return output.NOTHING if rate is None else f"{Decimal(rate) / 1_000_000:f}"
