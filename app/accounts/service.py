"""What people do with accounts: one verb an action, each one transaction with its audit entry.

Every verb takes an account by name or id, runs inside an app context and off the event loop, and returns the account.
"""

from collections.abc import Callable, Mapping

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.endpoints import checked_endpoint
from app.accounts.entry import NewAccount, checked_credential, checked_key, checked_priority, checked_reason
from app.accounts.mappings import checked_mappings
from app.accounts.models import Account, AccountWindow, ModelCooldown
from app.accounts.overview import AccountView, found, view, view_of, views
from app.accounts.secrets import check_unheld, seal_into
from app.audit import SYSTEM, Actor, note
from app.clock import now_ms
from app.db import beat, transaction
from app.errors import Conflict, InvalidInput
from app.names import checked_name
from app.providers import PROVIDERS
from app.values import TokenPair
from app.vault import Vault

__all__ = [
    "AccountView",
    "NewAccount",
    "add",
    "force_reset",
    "pause",
    "remove",
    "rename",
    "replace_key",
    "resume",
    "set_auto_refresh",
    "set_endpoint",
    "set_model_mappings",
    "set_priority",
    "view",
    "views",
]


def add(vault: Vault, new: NewAccount, actor: Actor) -> AccountView:
    """Add an account. Raises InvalidInput, or Conflict when the name is taken or another account has its log-in."""
    provider = PROVIDERS.get(new.mode)
    if provider is None:
        raise InvalidInput.field("mode", f"give one of {', '.join(PROVIDERS)}")
    row = Account(
        name=checked_name(new.name),
        provider=provider.name,
        priority=checked_priority(new.priority),
        endpoint=checked_endpoint(new.endpoint) if new.endpoint else None,
        model_mappings=checked_mappings(new.model_mappings),
        created_at=now_ms(),
        secret_generation=1,
    )
    if row.endpoint is None and provider.needs_endpoint:
        raise InvalidInput.field("endpoint", f"{provider.name} has no address of its own; give its base URL")
    api_key = checked_credential(provider, new)
    with transaction() as session:
        if new.tokens is not None:
            check_unheld(session, vault, new.tokens)
        session.add(row)
        _flush_named(session, new.name)
        seal_into(row, vault, "api_key", api_key)
        if new.tokens is not None:
            _seal_tokens(row, vault, new.tokens)
        note(session, actor, "account.add", row.name, f"mode {row.provider}, priority {row.priority}")
        beat(session, "accounts")
        session.flush()
        return view_of(session, row, vault)


def remove(reference: str | int, actor: Actor) -> AccountView:
    """Delete an account with its credential; its history stays. Returns what it was."""
    with transaction() as session:
        row = found(session, reference)
        was = view_of(session, row)
        note(session, actor, "account.remove", row.name, f"mode {row.provider}")
        session.execute(delete(Account).where(Account.id == row.id))
        beat(session, "accounts")
    return was


def rename(reference: str | int, name: str, actor: Actor) -> AccountView:
    """Give an account another name; records of the past keep the old one. Raises Conflict when it is taken."""
    checked_name(name)

    def change(session: Session, row: Account) -> str:
        old, row.name = row.name, name
        _flush_named(session, name)
        return f"was {old}"

    return _changed(reference, "account.rename", change, actor)


def pause(reference: str | int, reason: str | None, actor: Actor) -> AccountView:
    """Take an account out of the pool until it is resumed. What a person decided is not overwritten by the system."""
    text = checked_reason(reason)

    def change(_session: Session, row: Account) -> str | None:
        if row.paused_at is None or (actor != SYSTEM and (text or row.paused_by == SYSTEM.name)):
            row.paused_at = row.paused_at or now_ms()
            row.paused_by, row.pause_reason = actor.name, text
        return row.pause_reason

    return _changed(reference, "account.pause", change, actor)


def resume(reference: str | int, actor: Actor) -> AccountView:
    """Put a paused account back into the pool."""

    def change(_session: Session, row: Account) -> None:
        row.paused_at = row.paused_by = row.pause_reason = None

    return _changed(reference, "account.resume", change, actor)


def set_priority(reference: str | int, priority: int, actor: Actor) -> AccountView:
    """Set the priority of an account; a lower one is asked first."""
    checked_priority(priority)

    def change(_session: Session, row: Account) -> str:
        old, row.priority = row.priority, priority
        return f"{old} -> {priority}"

    return _changed(reference, "account.set_priority", change, actor)


def set_endpoint(reference: str | int, endpoint: str | None, actor: Actor) -> AccountView:
    """Set the base URL of an account; None gives it the mode's own."""
    url = checked_endpoint(endpoint) if endpoint else None

    def change(_session: Session, row: Account) -> str:
        provider = PROVIDERS.get(row.provider)
        if url is None and provider is not None and provider.needs_endpoint:
            raise InvalidInput.field("endpoint", f"{provider.name} has no address of its own; give its base URL")
        old, row.endpoint = row.endpoint, url
        return f"{old or 'default'} -> {url or 'default'}"

    return _changed(reference, "account.set_endpoint", change, actor)


def set_model_mappings(reference: str | int, mappings: Mapping[str, tuple[str, ...]], actor: Actor) -> AccountView:
    """Replace all model mappings of an account."""
    text = checked_mappings(mappings)

    def change(_session: Session, row: Account) -> str:
        row.model_mappings = text
        return text or "none"

    return _changed(reference, "account.set_model_mappings", change, actor)


def set_auto_refresh(reference: str | int, is_on: bool, actor: Actor) -> AccountView:
    """Switch on or off that a new window of the account is opened early by a request of our own."""

    def change(_session: Session, row: Account) -> str:
        row.auto_refresh = is_on
        return "on" if is_on else "off"

    return _changed(reference, "account.set_auto_refresh", change, actor)


def replace_key(vault: Vault, reference: str | int, api_key: str, actor: Actor) -> AccountView:
    """Give an account another API key in place of the one it has; its failures are forgotten."""
    key = checked_key(api_key)

    def change(_session: Session, row: Account) -> None:
        provider = PROVIDERS.get(row.provider)
        if provider is not None and provider.secret_kind == "oauth":  # noqa: S105 - a kind of secret
            raise InvalidInput.field("api_key", f"{row.name} is reached by a log-in, not by a key; log it in again")
        seal_into(row, vault, "api_key", key)
        row.secret_generation += 1
        _forget_failures(row)

    return _changed(reference, "account.replace_key", change, actor)


def force_reset(reference: str | int, actor: Actor) -> AccountView:
    """Forget every cool-down of an account, and what makes its windows count as spent, so that it is asked again."""

    def change(session: Session, row: Account) -> None:
        _forget_failures(row)
        row.refresh_failures, row.refresh_retry_at = 0, None
        session.execute(delete(ModelCooldown).where(ModelCooldown.account_id == row.id))
        # Newer than what workers remember, or they would put it back.
        session.execute(
            update(AccountWindow)
            .where(AccountWindow.account_id == row.id)
            .values(status=None, utilization=None, seen_at=now_ms())
        )

    return _changed(reference, "account.force_reset", change, actor)


def _changed(
    reference: str | int, action: str, change: Callable[[Session, Account], str | None], actor: Actor
) -> AccountView:
    """Apply one change to one account, with its audit entry, and tell every worker."""
    with transaction() as session:
        row = found(session, reference)
        detail = change(session, row)
        note(session, actor, action, row.name, detail)
        beat(session, "accounts")
        session.flush()
        return view_of(session, row)


def _flush_named(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError as exc:
        raise Conflict(f"There is an account named {name} already.", details={"name": "is taken"}) from exc


def _forget_failures(row: Account) -> None:
    row.cooldown_until = row.cooldown_reason = row.cooldown_at = None
    row.streak, row.streak_reason, row.streak_at = 0, None, None


def _seal_tokens(row: Account, vault: Vault, tokens: TokenPair) -> None:
    seal_into(row, vault, "access_token", tokens.access_token)
    seal_into(row, vault, "refresh_token", tokens.refresh_token)
    row.expires_at, row.scopes, row.organization = tokens.expires_at, tokens.scope, tokens.organization
    row.refreshed_at = now_ms()
