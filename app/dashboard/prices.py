"""Prices: of each model that was used, entered ones, models without any; and costs computed anew."""

from dataclasses import astuple, dataclass, replace
from functools import partial

from flask import request, url_for
from flask.typing import ResponseReturnValue

from app.background import jobs as background
from app.clock import now_ms
from app.dashboard import forms, show
from app.dashboard.blueprints import dashboard
from app.errors import CcflareError
from app.gate.visitors import actor
from app.usage import money, reprice
from app.usage import prices as service
from app.usage.prices import OwnPrice
from app.usage.pricing import CLASSES, Rates, listed, price_version
from app.usage.queries import facets
from app.usage.spans import DAY_MS

_RECENT_MS = 30 * DAY_MS
_PER_THOUSAND = 1000
"""Web searches are priced by the thousand on pages, by the million in rates."""


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """What one model costs. `missing`: requests of the last 30 days whose cost is not known. `own`: entered here."""

    model: str
    rates: Rates | None
    missing: int
    own: OwnPrice | None


@dashboard.get("/settings/prices")
def prices() -> ResponseReturnValue:
    """Show the price of every model that was used or that a price was entered for."""
    if show.is_part():
        return _progress()
    return show.page("pages/prices.html", prices=_prices(), table=price_version(), usd_text=forms.usd_text, **_job())


@dashboard.route("/settings/prices/set", methods=["GET", "POST"])
def set_price() -> ResponseReturnValue:
    """Enter the prices of a model."""
    if not forms.is_sent():
        return show.form("pages/price_set.html", values=_typed(request.args.get("model", "").strip()[:200]))
    try:
        typed = Rates(**forms.read(**{name: partial(forms.price_or_none, name) for name in CLASSES}))
        rates = replace(typed, web_search=typed.web_search and typed.web_search * _PER_THOUSAND)
        (model,) = service.set_prices({forms.text("model"): rates}, actor())
    except CcflareError as exc:
        return show.form("pages/price_set.html", exc, values=forms.sent())
    return show.done(url_for("dashboard.prices"), f"{model} is priced so from now on.")


@dashboard.post("/settings/prices/remove")
def remove_price() -> ResponseReturnValue:
    """Go back to the price that ships with the project."""
    model = forms.text("model")
    service.remove_price(model, actor())
    return show.done(url_for("dashboard.prices"), f"The entered price of {model} is gone.")


@dashboard.post("/settings/prices/reprice")
def reprice_all() -> ResponseReturnValue:
    """Ask for the cost of every recorded request to be computed anew."""
    reprice.ask(actor())
    background.request_run(background.REPRICE)
    return _progress() if show.is_part() else show.done(url_for("dashboard.prices"))


def _prices() -> list[ModelPrice]:
    """Return the prices, models that miss one first."""
    now = now_ms()
    missing = {one.model: one.requests for one in money.unpriced_models(now - _RECENT_MS) if one.model}
    own = {one.model: one for one in service.own_prices()}
    used = [one.value for one in facets("model") if one.value]
    named = {model.lower() for model in used}
    models = [*dict.fromkeys([*missing, *used]), *(model for model in own if model not in named)]
    found = [_price_of(model, missing.get(model, 0), own.get(model.lower()), now) for model in models]
    return sorted(found, key=lambda one: (-one.missing, one.own is None, one.rates is None, one.model))


def _price_of(model: str, missing: int, own: OwnPrice | None, at: int) -> ModelPrice:
    return ModelPrice(model, own.rates if own is not None else listed(model, at), missing, own)


def _typed(model: str) -> dict[str, str]:
    """Return what the form begins with: the prices that are in force."""
    own = {one.model: one.rates for one in service.own_prices()}
    rates = own.get(model.lower()) or listed(model, now_ms()) or Rates()
    rates = replace(rates, web_search=rates.web_search and rates.web_search // _PER_THOUSAND)
    return {"model": model} | {name: forms.usd_text(rate) for name, rate in zip(CLASSES, astuple(rates))}


def _progress() -> str:
    return show.part("partials/prices/reprice.html", **_job())


def _job() -> dict[str, object]:
    """Return how the computing anew fares: its job, and how far what was asked for has come (0-1)."""
    job = next(one for one in background.overview().jobs if one.name == background.REPRICE)
    return {"job": job, "share": min((one.share for one in reprice.asked()), default=None)}
