"""The operator's own prices over the API."""

from dataclasses import dataclass
from typing import Annotated

from flask import Blueprint

from app.api.operations import operation
from app.api.rules import Between
from app.gate.visitors import actor
from app.usage import prices as room
from app.usage.prices import MAX_RATE, OwnPrice
from app.usage.pricing import Rates, price_version

prices = Blueprint("prices", __name__, url_prefix="/prices")

MODEL = "/<path:model>"
Rate = Annotated[int, Between(0, MAX_RATE)] | None


@dataclass(frozen=True, slots=True)
class NewPrice:
    """Prices of a model in micro-USD per million tokens, or searches. What is missing is not known."""

    input: Rate = None
    output: Rate = None
    cache_read: Rate = None
    cache_write_5m: Rate = None
    cache_write_1h: Rate = None
    web_search: Rate = None


@dataclass(frozen=True, slots=True)
class Prices:
    """The version of the table that ships with the project, and the prices that go before it."""

    version: str
    own: tuple[OwnPrice, ...]


@prices.get("")
@operation()
def all_prices() -> Prices:
    """List the prices that were entered here."""
    return _all()


@prices.put(MODEL)
@operation()
def set_price(model: str, body: NewPrice) -> Prices:
    """Enter the prices of a model. They hold for requests from now on."""
    rates = Rates(body.input, body.output, body.cache_read, body.cache_write_5m, body.cache_write_1h, body.web_search)
    room.set_prices({model: rates}, actor())
    return _all()


@prices.delete(MODEL)
@operation(errors=(404,))
def remove_price(model: str) -> Prices:
    """Go back to the price that ships with the project."""
    room.remove_price(model, actor())
    return _all()


def _all() -> Prices:
    return Prices(price_version(), room.own_prices())
