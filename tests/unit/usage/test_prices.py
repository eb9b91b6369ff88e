import pytest
from flask import Flask
from sqlalchemy import select

from app.audit import SYSTEM, AuditEntry
from app.db import reading
from app.errors import InvalidInput, NotFound
from app.usage.models import Request
from app.usage.prices import own_prices, remove_price, set_prices
from app.usage.pricing import Rates
from tests.unit.usage.records import NOW, end, put


def cost(request_id: int) -> tuple[int | None, str | None]:
    with reading() as session:
        row = session.get_one(Request, request_id)
        return row.cost, row.price_version


def test_entered_price_holds_for_what_comes_next(app: Flask) -> None:
    one, two = end(NOW, model_served="Mine-1"), end(NOW, model_served="Mine-1")
    put(one)
    assert set_prices({" MINE-1 ": Rates(input=1_000_000, output=2_000_000, cache_read=0, cache_write_5m=0)}, SYSTEM)
    put(two)
    assert cost(one["id"]) == (None, None)
    assert cost(two["id"])[0] == 100 + 2 * 50
    assert (cost(two["id"])[1] or "").startswith("override-")
    assert [(price.model, price.rates.input) for price in own_prices()] == [("mine-1", 1_000_000)]
    remove_price("mine-1", SYSTEM)
    assert own_prices() == ()
    with reading() as session:
        assert session.execute(select(AuditEntry.action)).scalars().all() == ["price.set", "price.remove"]


@pytest.mark.parametrize(
    ("model", "rates"),
    [
        ("", Rates(input=1)),
        ("m", Rates()),
        ("m", Rates(input=-1)),
        ("m", Rates(output=10**13)),
        ("a\nb", Rates(input=1)),
    ],
    ids=["no model", "no price", "negative", "absurd", "line break"],
)
def test_wrong_prices_are_refused(app: Flask, model: str, rates: Rates) -> None:
    with pytest.raises(InvalidInput):
        set_prices({model: rates}, SYSTEM)
    assert own_prices() == ()


def test_unknown_price_cannot_be_removed(app: Flask) -> None:
    with pytest.raises(NotFound):
        remove_price("nothing", SYSTEM)
    with pytest.raises(InvalidInput):
        set_prices({}, SYSTEM)
