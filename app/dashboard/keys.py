"""Client keys: the list, a new one that is shown once, another name, out of force."""

from typing import Any

from flask import url_for
from flask.typing import ResponseReturnValue

from app.access import service
from app.access.service import KeyOrder, KeyView
from app.clock import now_ms
from app.dashboard import forms, show
from app.dashboard.blueprints import dashboard
from app.errors import CcflareError, InvalidInput, NotFound
from app.gate.visitors import actor
from app.names import checked_name
from app.runtime import runtime

_DAY_MS = 86_400_000
_CHOICES: dict[str, Any] = {
    "roles": (("client", "client: only /v1"), ("admin", "admin: also the API")),
    "lifetimes": (
        ("", "never"),
        ("1", "in a day"),
        ("7", "in a week"),
        ("30", "in 30 days"),
        ("90", "in 90 days"),
        ("365", "in a year"),
    ),
}


@dashboard.get("/keys")
def keys() -> ResponseReturnValue:
    """Show every key."""
    return show.page("pages/keys.html", keys=service.all_keys())


@dashboard.route("/keys/create", methods=["GET", "POST"])
def create_key() -> ResponseReturnValue:
    """Make a key, and show it this once."""
    if not forms.is_sent():
        return show.form("pages/key_create.html", values={}, **_CHOICES)
    try:
        made = service.create_key(runtime().pepper, _ordered(), actor())
    except CcflareError as exc:
        return show.form("pages/key_create.html", exc, values=forms.sent(), **_CHOICES)
    return show.page("pages/key_created.html", made=made)


@dashboard.route("/keys/<key_id>/rename", methods=["GET", "POST"])
def rename_key(key_id: str) -> ResponseReturnValue:
    """Give a key another name."""
    key = _found(key_id)
    if not forms.is_sent():
        return show.form("pages/key_rename.html", key=key, name=key.name)
    try:
        service.rename_key(key.id, forms.text("name"), actor())
    except CcflareError as exc:
        return show.form("pages/key_rename.html", exc, key=key, name=forms.text("name"))
    return show.done(url_for("dashboard.keys"), "The name is changed.")


@dashboard.route("/keys/<key_id>/revoke", methods=["GET", "POST"])
def revoke_key(key_id: str) -> ResponseReturnValue:
    """Put a key out of force for good, once its name has been typed."""
    key = _found(key_id)
    if not forms.is_sent():
        return show.form("pages/key_revoke.html", key=key)
    if forms.text("name") != key.name:
        return show.form("pages/key_revoke.html", InvalidInput.field("name", "is not the name of the key"), key=key)
    service.revoke_key(key.id, actor())
    return show.done(url_for("dashboard.keys"), f"{key.name} is revoked.")


def _ordered() -> KeyOrder:
    found = forms.read(
        name=lambda: checked_name(forms.text("name")),
        expires_in=_expiry,
        budget=lambda: forms.micro_usd_or_none("budget"),
        requests_per_minute=lambda: forms.whole_or_none("requests_per_minute"),
    )
    return KeyOrder(
        name=found["name"],
        role=forms.text("role") or "client",
        expires_at=found["expires_in"],
        models=forms.words("models"),
        budget_micro_usd=found["budget"],
        requests_per_minute=found["requests_per_minute"],
    )


def _expiry() -> int | None:
    days = forms.whole_or_none("expires_in")
    if days is not None and not 1 <= days <= 3650:
        raise InvalidInput.field("expires_in", "give 1 to 3650 days")
    return None if days is None else now_ms() + days * _DAY_MS


def _found(key_id: str) -> KeyView:
    for key in service.all_keys():
        if key.id == key_id:
            return key
    raise NotFound("There is no such key.")
