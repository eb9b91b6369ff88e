"""The prices that the operator entered for models: they go before those that ship with the project."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.audit import Actor, note
from app.clock import now_ms
from app.db import reading, transaction
from app.errors import InvalidInput
from app.names import unknown
from app.upserts import upsert
from app.usage.models import PriceOverride
from app.usage.pricing import CLASSES, Rates

MAX_RATE = 10**12
"""A million USD per million."""


@dataclass(frozen=True, slots=True)
class OwnPrice:
    """A model's prices as the operator entered them, micro-USD per million tokens (web_search: searches)."""

    model: str
    rates: Rates
    changed_at: int
    changed_by: str | None


def overrides(session: Session) -> dict[str, Rates]:
    """Return the entered prices by model."""
    rows = session.connection().execute(_ALL)
    return {row[0]: Rates(*row[1:]) for row in rows}


_ALL = select(PriceOverride.model, *(PriceOverride.__table__.c[name] for name in CLASSES))


def own_prices() -> tuple[OwnPrice, ...]:
    """Return every entered price, by model. Call inside an app context."""
    with reading() as session:
        rows = session.execute(select(PriceOverride).order_by(PriceOverride.model)).scalars()
        return tuple(
            OwnPrice(row.model, Rates(*(getattr(row, name) for name in CLASSES)), row.changed_at, row.changed_by)
            for row in rows
        )


def set_prices(prices: Mapping[str, Rates], actor: Actor) -> tuple[str, ...]:
    """Enter prices for models, replacing what was entered before; return the models as they are kept.

    Requests that come from now on are priced so; `reprice` brings older ones in line. Raises InvalidInput.
    """
    rows = []
    for model, rates in prices.items():
        name = _checked(model, rates)
        values = dict(zip(CLASSES, astuple(rates)))
        rows.append({"model": name, **values, "changed_at": now_ms(), "changed_by": actor.name[:120]})
    if not rows:
        raise InvalidInput.field("prices", "give at least one model")
    with transaction() as session:
        upsert(session, PriceOverride, rows, ["model"])
        for row in rows:
            told = ", ".join(f"{name} {row[name]}" for name in CLASSES if row[name] is not None)
            note(session, actor, "price.set", str(row["model"])[:200], told)
    return tuple(str(row["model"]) for row in rows)


def remove_price(model: str, actor: Actor) -> None:
    """Go back to the price that ships with the project. Raises NotFound."""
    name = model.strip().lower()
    with transaction() as session:
        gone = session.execute(delete(PriceOverride).where(PriceOverride.model == name).returning(PriceOverride.model))
        if gone.scalar() is None:
            raise unknown("price", model, session.execute(select(PriceOverride.model)).scalars())
        note(session, actor, "price.remove", name)


def _checked(model: str, rates: Rates) -> str:
    name = model.strip().lower()
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise InvalidInput.field("model", "give 1 to 200 printable characters")
    given = [rate for rate in astuple(rates) if rate is not None]
    if not given:
        raise InvalidInput.field("prices", f"give at least one of {', '.join(CLASSES)}")
    if any(not 0 <= rate <= MAX_RATE for rate in given):
        raise InvalidInput.field("prices", "a price lies between 0 and a million USD per million")
    return name
