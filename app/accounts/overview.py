"""Accounts as people and programs see them: everything a list, a page or the API shows, and no secret."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.candidates import candidate_of, read_limits
from app.accounts.health import Health, health_of
from app.accounts.models import Account
from app.accounts.secrets import read_secrets
from app.clock import now_ms
from app.db import reading
from app.errors import NotFound
from app.names import unknown
from app.providers import PROVIDERS
from app.values import Window, WindowSource
from app.vault import Vault

CredentialKind = Literal["api_key", "oauth", "none"]


@dataclass(frozen=True, slots=True)
class WindowView:
    """A rate-limit window with its age. `is_reset`: its reset has passed since, so the value no longer holds."""

    kind: str
    utilization: float | None
    reset_at: int | None
    status: str | None
    seen_at: int
    age_ms: int
    source: WindowSource
    is_reset: bool


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account, complete but for its secrets. `endpoint` None: the mode's own address."""

    id: int
    name: str
    mode: str
    label: str
    priority: int
    health: Health
    credential: CredentialKind
    endpoint: str | None
    model_mappings: Mapping[str, tuple[str, ...]]
    windows: tuple[WindowView, ...]
    model_cooldowns: Mapping[str, int]
    """Model family -> until, those that still last."""
    overage_allowed: bool | None
    holds_window: bool
    auto_refresh: bool
    paused_at: int | None
    session_start: int | None
    session_reset_at: int | None
    request_count: int
    last_used_at: int | None
    created_at: int
    expires_at: int | None
    refreshed_at: int | None
    refresh_error: str | None
    refresh_retry_at: int | None
    organization: str | None
    scopes: str | None


def views(vault: Vault) -> tuple[AccountView, ...]:
    """Return every account in the order of names. Call inside an app context."""
    with reading() as session:
        return _views(session, session.execute(select(Account).order_by(Account.name)).scalars().all(), vault)


def view(vault: Vault, reference: str | int) -> AccountView:
    """Return one account by name or id. Raises NotFound."""
    with reading() as session:
        return view_of(session, found(session, reference), vault)


def found(session: Session, reference: str | int) -> Account:
    """Return the row of an account: by its exact name, else by its id. Raises NotFound with the nearest name."""
    row = None
    if isinstance(reference, str):
        row = session.execute(select(Account).where(Account.name == reference)).scalar_one_or_none()
    if row is None and (number := _id(reference)) is not None:
        row = session.get(Account, number)
    if row is None and isinstance(reference, int):
        raise NotFound(f"There is no account with the id {reference}; it may have been deleted.")
    if row is None:
        raise unknown("account", str(reference), session.execute(select(Account.name)).scalars())
    return row


def view_of(session: Session, row: Account, vault: Vault | None = None) -> AccountView:
    """Return one row as people see it. Without a vault its credential is not tried."""
    return _views(session, (row,), vault)[0]


def _id(reference: str | int) -> int | None:
    if isinstance(reference, int):
        return reference
    is_number = reference.isascii() and reference.isdigit() and len(reference) <= 18
    return int(reference) if is_number else None


def _views(session: Session, rows: Iterable[Account], vault: Vault | None) -> tuple[AccountView, ...]:
    rows = tuple(rows)
    windows, cooldowns = read_limits(session, [row.id for row in rows])
    return tuple(_view(row, windows.get(row.id, []), cooldowns.get(row.id, {}), vault) for row in rows)


def _view(row: Account, windows: list[Window], cooldowns: Mapping[str, int], vault: Vault | None) -> AccountView:
    at = now_ms()
    provider = PROVIDERS.get(row.provider)
    candidate = candidate_of(row, windows, cooldowns, {})
    return AccountView(
        id=row.id,
        name=row.name,
        mode=row.provider,
        label=provider.label if provider else row.provider,
        priority=row.priority,
        health=health_of(candidate, at, _credential_fault(row, vault, at)),
        credential=_credential(row),
        endpoint=row.endpoint,
        model_mappings=candidate.model_mappings,
        windows=tuple(_window(window, at) for window in sorted(windows, key=lambda window: window.kind)),
        model_cooldowns={family: until for family, until in sorted(cooldowns.items()) if until > at},
        overage_allowed=row.overage_allowed,
        holds_window=provider is not None and provider.holds_window,
        auto_refresh=row.auto_refresh,
        paused_at=row.paused_at,
        session_start=row.session_start,
        session_reset_at=row.session_reset_at,
        request_count=row.request_count,
        last_used_at=row.last_used_at,
        created_at=row.created_at,
        expires_at=row.expires_at,
        refreshed_at=row.refreshed_at,
        refresh_error=row.refresh_error,
        refresh_retry_at=row.refresh_retry_at,
        organization=row.organization,
        scopes=row.scopes,
    )


def _window(window: Window, at: int) -> WindowView:
    return WindowView(
        kind=window.kind,
        utilization=window.utilization,
        reset_at=window.reset_at,
        status=window.status,
        seen_at=window.seen_at,
        age_ms=max(0, at - window.seen_at),
        source=window.source,
        is_reset=window.reset_at is not None and window.reset_at <= at,
    )


def _credential(row: Account) -> CredentialKind:
    if row.api_key is not None:
        return "api_key"
    return "oauth" if row.access_token is not None or row.refresh_token is not None else "none"


def _credential_fault(row: Account, vault: Vault | None, at: int) -> str | None:
    """Return why the account's credential cannot be used and will not come back by itself."""
    if vault is not None and (fault := read_secrets(row, vault).fault) is not None:
        return fault
    if row.api_key is None and row.refresh_token is None and row.expires_at is not None and row.expires_at <= at:
        return "its token has expired and cannot be refreshed"
    return None
