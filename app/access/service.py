"""What people do with client keys: create, list, revoke, rename; each one transaction with its audit entry."""

import json
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.access import keys
from app.access.models import ClientKey
from app.audit import Actor, note
from app.clock import now_ms
from app.db import beat, reading, transaction
from app.errors import Conflict, InvalidInput
from app.names import MAX_CHARS, checked_name, unknown

KEY_ROLES = ("client", "admin")
KeyState = Literal["active", "expired", "revoked"]

_MAX_MODELS = 100


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """A key to be. Empty or None means without that limit; the budget is per calendar month (UTC)."""

    name: str
    role: str = "client"
    expires_at: int | None = None
    models: tuple[str, ...] = ()
    budget_micro_usd: int | None = None
    requests_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class KeyView:
    """One key as people see it. `prefix` is how the key begins; the rest cannot be had again."""

    id: str
    name: str
    prefix: str
    role: str
    state: KeyState
    created_at: int
    created_by: str | None
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    models: tuple[str, ...]
    budget_micro_usd: int | None
    requests_per_minute: int | None


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A key that was just made. `key` is shown this once."""

    view: KeyView
    key: str = field(repr=False)


def create_key(pepper: bytes, order: KeyOrder, actor: Actor) -> CreatedKey:
    """Make a key. Raises InvalidInput, or Conflict when a key in force has the name."""
    _check(order)
    with transaction() as session:
        _free_name(session, order.name)
        new = keys.make(session, pepper, order.name, order.role, actor.name)
        _flush_named(session, order.name)
        row = session.get_one(ClientKey, new.id)
        row.expires_at = order.expires_at
        row.models = json.dumps(list(dict.fromkeys(order.models))) if order.models else None
        row.budget_micro_usd = order.budget_micro_usd
        row.requests_per_minute = order.requests_per_minute
        note(session, actor, "key.create", order.name, f"{new.id}, role {order.role}")
        return CreatedKey(_view(row), new.key)


def all_keys() -> tuple[KeyView, ...]:
    """Return every key, revoked ones too: those in force first, by name."""
    with reading() as session:
        rows = session.execute(select(ClientKey).order_by(ClientKey.revoked_at.is_not(None), ClientKey.name)).scalars()
        return tuple(_view(row) for row in rows)


def revoke_key(reference: str, actor: Actor) -> KeyView:
    """Put a key out of force for good. Revoking twice changes nothing."""
    with transaction() as session:
        row = _found(session, reference)
        if row.revoked_at is None:
            row.revoked_at = now_ms()
            note(session, actor, "key.revoke", row.name, row.id)
            beat(session, "keys")
        return _view(row)


def rename_key(reference: str, name: str, actor: Actor) -> KeyView:
    """Give a key another name. Raises Conflict when a key in force has it."""
    checked_name(name)
    with transaction() as session:
        row = _found(session, reference)
        if row.name != name:
            _free_name(session, name)
            old, row.name = row.name, name
            _flush_named(session, name)
            note(session, actor, "key.rename", name, f"{row.id}, was {old}")
            beat(session, "keys")
        return _view(row)


def _check(order: KeyOrder) -> None:
    checked_name(order.name)
    if order.role not in KEY_ROLES:
        raise InvalidInput.field("role", f"give one of {', '.join(KEY_ROLES)}")
    if order.expires_at is not None and order.expires_at <= now_ms():
        raise InvalidInput.field("expires_at", "lies in the past")
    for name, number in (("budget", order.budget_micro_usd), ("requests_per_minute", order.requests_per_minute)):
        if number is not None and not 0 < number < 1 << 53:
            raise InvalidInput.field(name, "give a number above zero")
    if len(order.models) > _MAX_MODELS:
        raise InvalidInput.field("models", f"give at most {_MAX_MODELS}")
    for model in order.models:
        if not 1 <= len(model) <= 200 or not model.isprintable() or " " in model:
            raise InvalidInput.field("models", f"{model[:200]!r} is no name of a model")


def _found(session: Session, reference: str) -> ClientKey:
    """Return the row of a key by its name, its id or the way it begins. Raises NotFound."""
    named = session.execute(select(ClientKey).where(ClientKey.name == reference)).scalar_one_or_none()
    row = named or session.get(ClientKey, reference.removeprefix(keys.PREFIX)[:8])
    if row is None:
        is_key = reference.startswith(keys.PREFIX)
        names = session.execute(select(ClientKey.name)).scalars()
        raise unknown("key", reference[: len(keys.PREFIX) + 8] if is_key else reference, names)
    return row


def _free_name(session: Session, name: str) -> None:
    """Take a name away from a revoked key, which keeps its id in it."""
    row = session.execute(select(ClientKey).where(ClientKey.name == name)).scalar_one_or_none()
    if row is None:
        return
    if row.revoked_at is None:
        raise _taken(name)
    suffix = f" (revoked {row.id})"
    session.execute(
        update(ClientKey).where(ClientKey.id == row.id).values(name=name[: MAX_CHARS - len(suffix)] + suffix)
    )


def _flush_named(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError as exc:
        raise _taken(name) from exc


def _taken(name: str) -> Conflict:
    return Conflict(f"There is a key named {name} already.", details={"name": "is taken"})


def _view(row: ClientKey) -> KeyView:
    state: KeyState = "active"
    if row.revoked_at is not None:
        state = "revoked"
    elif row.expires_at is not None and row.expires_at <= now_ms():
        state = "expired"
    return KeyView(
        id=row.id,
        name=row.name,
        prefix=f"{keys.PREFIX}{row.id}_",
        role=row.role,
        state=state,
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        models=tuple(json.loads(row.models)) if row.models else (),
        budget_micro_usd=row.budget_micro_usd,
        requests_per_minute=row.requests_per_minute,
    )
