"""Pages of accounts: the list, one account, and what is done to it with one click."""

from collections.abc import Mapping
from types import MappingProxyType

from flask import url_for
from flask.typing import ResponseReturnValue

from app.accounts import service
from app.accounts.overview import AccountView
from app.accounts.windows import outlooks
from app.dashboard import forms, show
from app.dashboard.blueprints import dashboard
from app.errors import CcflareError
from app.gate.visitors import actor
from app.providers import PROVIDERS
from app.runtime import runtime

CHANGED = "accounts-changed"
"""Event on the page after an account has changed."""


@dashboard.get("/accounts")
def accounts() -> ResponseReturnValue:
    """Show every account, the one that is asked first on top."""
    found = sorted(service.views(runtime().vault), key=lambda view: (view.priority, view.name.casefold()))
    values = {"accounts": found, "outlooks": outlooks().accounts}
    if show.is_part():
        return show.part("partials/accounts/list.html", **values)
    return show.page("pages/accounts.html", **values)


@dashboard.get("/pulse")
def pulse() -> ResponseReturnValue:
    """Show how the pool is in a few words."""
    return show.part("partials/pulse.html")


@dashboard.get("/accounts/<row_id:account_id>")
def account(account_id: int) -> ResponseReturnValue:
    """Show one account with all that can be changed of it."""
    return show_account(account_id)


@dashboard.get("/accounts/<row_id:account_id>/row")
def account_row(account_id: int) -> ResponseReturnValue:
    """Show one account as it stands in the list."""
    return _row(service.view(runtime().vault, account_id))


@dashboard.post("/accounts/<row_id:account_id>/pause")
def pause_account(account_id: int) -> ResponseReturnValue:
    """Take an account out of the pool."""
    return _changed(service.pause(account_id, forms.text("reason") or None, actor()), "is paused")


@dashboard.post("/accounts/<row_id:account_id>/resume")
def resume_account(account_id: int) -> ResponseReturnValue:
    """Put an account back into the pool."""
    return _changed(service.resume(account_id, actor()), "is back in the pool")


@dashboard.post("/accounts/<row_id:account_id>/reset")
def reset_account(account_id: int) -> ResponseReturnValue:
    """Forget the cool-downs of an account."""
    return _changed(service.force_reset(account_id, actor()), "will be asked again")


@dashboard.post("/accounts/<row_id:account_id>/auto-refresh")
def auto_refresh_account(account_id: int) -> ResponseReturnValue:
    """Switch the early opening of windows on or off."""
    is_on = forms.is_on("auto_refresh")
    told = "opens its windows early" if is_on else "opens a window when it is first used"
    return _changed(service.set_auto_refresh(account_id, is_on, actor()), told)


def show_account(
    account_id: int, error: CcflareError | None = None, values: Mapping[str, str] = MappingProxyType({})
) -> ResponseReturnValue:
    """Return the page of one account, with an error beside the form that it belongs to and what was sent by it."""
    view = service.view(runtime().vault, account_id)
    provider = PROVIDERS.get(view.mode)
    return show.form(
        "pages/account.html",
        error,
        account=view,
        outlook=outlooks().accounts.get(view.name, {}),
        is_oauth=provider is not None and provider.oauth,
        takes_key=provider is None or provider.secret_kind == "api_key",  # noqa: S105 - a kind of secret
        own_endpoint=provider.base_url if provider is not None else None,
        mappings="\n".join(f"{model}={','.join(targets)}" for model, targets in view.model_mappings.items()),
        values=values,
    )


def _changed(view: AccountView, told: str) -> ResponseReturnValue:
    if show.is_part():
        return show.announced(_row(service.view(runtime().vault, view.id)), CHANGED)
    return show.done(url_for("dashboard.accounts"), f"{view.name} {told}.")


def _row(view: AccountView) -> str:
    return show.part("partials/accounts/row.html", account=view, outlook=outlooks().accounts.get(view.name, {}))
