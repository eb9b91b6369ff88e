"""Accounts over the API: the list, one, and everything that is done to one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from flask import Blueprint

from app.accounts import service
from app.accounts.entry import NewAccount
from app.accounts.overview import AccountView
from app.api.operations import operation
from app.api.rules import MAX_NUMBER, Between, Chars, Items, Name, OneOf, Text
from app.background.asked_polls import poll_account
from app.db import offload
from app.errors import InvalidInput
from app.gate.visitors import actor
from app.providers import PROVIDERS
from app.runtime import runtime
from app.server import cooperative
from app.values import TokenPair

accounts = Blueprint("accounts", __name__, url_prefix="/accounts")

ACCOUNT = "/<row_id:account_id>"
MODE = "/<any({}):mode>".format(",".join(f'"{name}"' for name in PROVIDERS))
Key = Annotated[str, Chars(1, 4096)]
Mode = Annotated[str, OneOf(tuple(PROVIDERS))]
Priority = Annotated[int, Between(0, 100)]
Target = Text | Annotated[tuple[Text, ...], Items(20)]
Mappings = Annotated[Mapping[str, Target], Items(200, is_object=True)]
Url = Annotated[str, Chars(1, 2000)]


@dataclass(frozen=True, slots=True)
class Tokens:
    """A token pair that exists already, for a mode that logs in. `expiresAt`: epoch milliseconds."""

    access_token: Key = field(repr=False)
    refresh_token: Key | None = field(default=None, repr=False)
    expires_at: Annotated[int, Between(0, MAX_NUMBER)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOrder:
    """An account to be of the mode that the path names: `apiKey` or `tokens`, whichever the mode needs."""

    name: Name
    api_key: Key | None = field(default=None, repr=False)
    tokens: Tokens | None = None
    priority: Priority = 0
    custom_endpoint: Url | None = None
    model_mappings: Mappings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyAccountOrder(AccountOrder):
    """An account to be: `apiKey` or `tokens`, whichever the mode needs."""

    mode: Mode


@dataclass(frozen=True, slots=True)
class Deletion:
    """The consent to a deletion: `confirm` is the name of what goes."""

    confirm: Name


@dataclass(frozen=True, slots=True)
class NewName:
    """Another name."""

    name: Name


@dataclass(frozen=True, slots=True)
class NewPriority:
    """Another place in the order; a lower number is asked first."""

    priority: Priority


@dataclass(frozen=True, slots=True)
class Pause:
    """Why an account is taken out, in words for people."""

    reason: Annotated[str, Chars(0, 500)] | None = None


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """Another base URL; null for the mode's own."""

    custom_endpoint: Url | None


@dataclass(frozen=True, slots=True)
class NewMappings:
    """All model mappings: model or family -> the name to send, several in order, none to refuse the model."""

    model_mappings: Mappings


@dataclass(frozen=True, slots=True)
class Switch:
    """On or off."""

    enabled: bool


@dataclass(frozen=True, slots=True)
class NewKey:
    """Another API key."""

    api_key: Key = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What became of an account."""

    success: bool
    message: str
    account: AccountView


@accounts.get("")
@operation()
def all_accounts() -> tuple[AccountView, ...]:
    """List the accounts in the order in which they are asked: by priority, then by name."""
    return tuple(sorted(service.views(runtime().vault), key=lambda view: (view.priority, view.name)))


@accounts.post("")
@operation(status=201, errors=(409,))
def add_account(body: AnyAccountOrder) -> AccountChange:
    """Add an account of any mode by its key, or by tokens that exist already. Log-ins go through /api/oauth."""
    return _added(body.mode, body)


@accounts.post(MODE)
@operation(status=201, errors=(409,))
def add_account_of_mode(mode: str, body: AccountOrder) -> AccountChange:
    """Add an account of the mode that the path names."""
    return _added(mode, body)


@accounts.get(ACCOUNT)
@operation()
def one_account(account_id: int) -> AccountView:
    """Show one account."""
    return service.view(runtime().vault, account_id)


@accounts.delete(ACCOUNT)
@operation()
def delete_account(account_id: int, body: Deletion) -> AccountChange:
    """Delete an account with its credential; its history stays. `confirm` must be its name."""
    view = service.view(runtime().vault, account_id)
    if body.confirm != view.name:
        raise InvalidInput(
            f"confirm: give the account's name, {view.name}",
            details={"confirm": "is not the account's name", "confirmationRequired": True},
        )
    return _change(service.remove(account_id, actor()), "is deleted")


@accounts.post(f"{ACCOUNT}/pause")
@operation()
def pause_account(account_id: int, body: Pause) -> AccountChange:
    """Take an account out of the pool until it is resumed."""
    return _change(service.pause(account_id, body.reason, actor()), "is paused")


@accounts.post(f"{ACCOUNT}/resume")
@operation()
def resume_account(account_id: int) -> AccountChange:
    """Put an account back into the pool."""
    return _change(service.resume(account_id, actor()), "is back in the pool")


@accounts.post(f"{ACCOUNT}/rename")
@operation(errors=(409,))
def rename_account(account_id: int, body: NewName) -> AccountChange:
    """Give an account another name; records of the past keep the old one."""
    return _change(service.rename(account_id, body.name, actor()), "is its name now")


@accounts.post(f"{ACCOUNT}/priority")
@operation()
def set_account_priority(account_id: int, body: NewPriority) -> AccountChange:
    """Set an account's place in the order."""
    return _change(service.set_priority(account_id, body.priority, actor()), f"has priority {body.priority} now")


@accounts.post(f"{ACCOUNT}/custom-endpoint")
@operation()
def set_account_endpoint(account_id: int, body: NewEndpoint) -> AccountChange:
    """Set where an account is reached."""
    return _change(service.set_endpoint(account_id, body.custom_endpoint, actor()), "has another endpoint")


@accounts.post(f"{ACCOUNT}/model-mappings")
@operation()
def set_account_mappings(account_id: int, body: NewMappings) -> AccountChange:
    """Replace all model mappings of an account."""
    mappings = _targets(body.model_mappings)
    return _change(service.set_model_mappings(account_id, mappings, actor()), "has other model mappings")


@accounts.post(f"{ACCOUNT}/auto-refresh")
@operation()
def set_account_auto_refresh(account_id: int, body: Switch) -> AccountChange:
    """Switch on or off that a new window of the account is opened early by a request of our own."""
    told = "opens its windows early" if body.enabled else "opens a window when it is first used"
    return _change(service.set_auto_refresh(account_id, body.enabled, actor()), told)


@accounts.post(f"{ACCOUNT}/key")
@operation()
def replace_account_key(account_id: int, body: NewKey) -> AccountChange:
    """Give an account another API key; what was held against the old one is forgotten."""
    return _change(service.replace_key(runtime().vault, account_id, body.api_key, actor()), "has another key")


@accounts.post(f"{ACCOUNT}/force-reset-rate-limit")
@operation()
def reset_account(account_id: int) -> AccountChange:
    """Forget every cool-down of an account and what counts its windows as spent, so that it is asked again."""
    return _change(service.force_reset(account_id, actor()), "will be asked again")


@accounts.post(f"{ACCOUNT}/refresh-usage")
@cooperative
@operation(errors=(409, 429, 502))
def refresh_account_usage(account_id: int) -> AccountChange:
    """Ask the account's usage endpoint now how full its windows are."""
    poll_account(runtime(), account_id)
    return _change(offload(service.view, runtime().vault, account_id), "was polled")


def _added(mode: str, order: AccountOrder) -> AccountChange:
    tokens = order.tokens
    pair = None if tokens is None else TokenPair(tokens.access_token, tokens.refresh_token, tokens.expires_at)
    new = NewAccount(
        order.name,
        mode,
        order.api_key,
        pair,
        order.priority,
        order.custom_endpoint,
        _targets(order.model_mappings or {}),
    )
    return _change(service.add(runtime().vault, new, actor()), "is added")


def _targets(mappings: Mapping[str, Target]) -> dict[str, tuple[str, ...]]:
    return {model: (named,) if isinstance(named, str) else named for model, named in mappings.items()}


def _change(view: AccountView, told: str) -> AccountChange:
    return AccountChange(True, f"{view.name} {told}.", view)
