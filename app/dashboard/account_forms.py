"""Forms on accounts: add one of any mode, log in by OAuth, change one, delete one."""

from collections.abc import Callable
from dataclasses import replace

from flask import abort, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from app.accounts import service
from app.accounts.endpoints import checked_endpoint
from app.accounts.entry import NewAccount, checked_key, checked_priority
from app.accounts.mappings import parse_mappings
from app.accounts.oauth import Begun
from app.accounts.overview import AccountView
from app.dashboard import forms, show
from app.dashboard.accounts import show_account
from app.dashboard.blueprints import dashboard
from app.errors import CcflareError, Conflict, InvalidInput
from app.gate.visitors import actor, own_cookie
from app.names import checked_name
from app.providers import PRESETS, PROVIDERS, Provider
from app.runtime import runtime

_LOG_IN = "log_in"


@dashboard.route("/accounts/add", methods=["GET", "POST"])
def add_account() -> ResponseReturnValue:
    """Choose a mode, then fill in what it needs."""
    mode = request.values.get("mode")
    if mode is None:
        own = [provider for name, provider in PROVIDERS.items() if name not in PRESETS]
        return show.page("pages/account_modes.html", own=own, presets=PRESETS.values())
    provider = PROVIDERS.get(mode) or abort(404)
    if request.method == "GET":
        return show.form("pages/account_add.html", provider=provider, values={})
    try:
        new = _entered(provider)
        if forms.text("way") == "oauth":
            return _to_log_in(runtime().log_ins.begin(replace(new, api_key=None), own_cookie()))
        view = service.add(runtime().vault, new, actor())
    except CcflareError as exc:
        return show.form("pages/account_add.html", exc, provider=provider, values=request.form)
    return show.done(url_for("dashboard.accounts"), f"{view.name} is in the pool.")


@dashboard.post("/accounts/<row_id:account_id>/log-in")
def log_in_account(account_id: int) -> ResponseReturnValue:
    """Begin to log an account in anew."""
    return _to_log_in(runtime().log_ins.begin_again(account_id, own_cookie()))


@dashboard.route("/accounts/log-in", methods=["GET", "POST"])
def finish_account() -> ResponseReturnValue:
    """Take the code that the provider's page showed."""
    begun = session.get(_LOG_IN)
    if begun is None:
        return redirect(url_for("dashboard.accounts"))
    if request.method == "GET":
        return show.form("pages/account_log_in.html", **begun)
    try:
        view = runtime().log_ins.finish(begun["id"], forms.text("code"), actor(), browser=own_cookie())
    except CcflareError as exc:
        return show.form("pages/account_log_in.html", exc, **begun)
    session.pop(_LOG_IN)
    return show.done(url_for("dashboard.accounts"), f"{view.name} is logged in.")


@dashboard.get("/accounts/<row_id:account_id>/pause")
def why_pause_account(account_id: int) -> ResponseReturnValue:
    """Ask for the reason of a pause."""
    return show.form("pages/account_pause.html", account=_view(account_id))


@dashboard.route("/accounts/<row_id:account_id>/delete", methods=["GET", "POST"])
def remove_account(account_id: int) -> ResponseReturnValue:
    """Delete an account, once its name has been typed."""
    view = _view(account_id)
    if request.method == "GET":
        return show.form("pages/account_remove.html", account=view)
    if forms.text("name") != view.name:
        error = InvalidInput.field("name", "is not the name of the account")
        return show.form("pages/account_remove.html", error, account=view)
    service.remove(account_id, actor())
    return show.done(url_for("dashboard.accounts"), f"{view.name} is deleted. Its history stays.")


@dashboard.post("/accounts/<row_id:account_id>/rename")
def rename_account(account_id: int) -> ResponseReturnValue:
    """Give an account another name."""
    return _saved(account_id, lambda: service.rename(account_id, forms.text("name"), actor()), "The name is changed.")


@dashboard.post("/accounts/<row_id:account_id>/priority")
def prioritise_account(account_id: int) -> ResponseReturnValue:
    """Set the place of an account in the order."""

    def change() -> AccountView:
        return service.set_priority(account_id, forms.whole("priority"), actor())

    return _saved(account_id, change, "The priority is changed.")


@dashboard.post("/accounts/<row_id:account_id>/endpoint")
def set_account_endpoint(account_id: int) -> ResponseReturnValue:
    """Set where an account is reached."""
    endpoint = forms.text("endpoint") or None
    return _saved(account_id, lambda: service.set_endpoint(account_id, endpoint, actor()), "The endpoint is changed.")


@dashboard.post("/accounts/<row_id:account_id>/mappings")
def set_account_mappings(account_id: int) -> ResponseReturnValue:
    """Replace the model mappings of an account."""

    def change() -> AccountView:
        found = forms.read(model_mappings=lambda: parse_mappings(forms.lines("model_mappings")))
        return service.set_model_mappings(account_id, found["model_mappings"], actor())

    return _saved(account_id, change, "The mappings are changed.")


@dashboard.post("/accounts/<row_id:account_id>/key")
def replace_account_key(account_id: int) -> ResponseReturnValue:
    """Give an account another API key."""

    def change() -> AccountView:
        return service.replace_key(runtime().vault, account_id, forms.secret("api_key"), actor())

    return _saved(account_id, change, "The key is replaced.")


def _entered(provider: Provider) -> NewAccount:
    is_key_needed = provider.secret_kind == "api_key" and provider.needs_secret and forms.text("way") != "oauth"  # noqa: S105 - a kind of secret
    found = forms.read(
        name=lambda: checked_name(forms.text("name")),
        priority=lambda: checked_priority(forms.whole("priority")) if forms.text("priority") else 0,
        api_key=lambda: checked_key(forms.secret("api_key")) if is_key_needed else forms.secret("api_key") or None,
        endpoint=lambda: checked_endpoint(forms.text("endpoint")) if forms.text("endpoint") else None,
        model_mappings=lambda: parse_mappings(forms.lines("model_mappings")),
    )
    return NewAccount(mode=provider.name, **found)


def _to_log_in(begun: Begun) -> ResponseReturnValue:
    session[_LOG_IN] = {"id": begun.session, "url": begun.url, "expires_at": begun.expires_at}
    return show.done(url_for("dashboard.finish_account"))


def _saved(account_id: int, change: Callable[[], AccountView], told: str) -> ResponseReturnValue:
    try:
        change()
    except (InvalidInput, Conflict) as exc:
        return show_account(account_id, exc, values=request.form)
    return show.done(url_for("dashboard.account", account_id=account_id), told)


def _view(account_id: int) -> AccountView:
    return service.view(runtime().vault, account_id)
