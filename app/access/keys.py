"""Client keys: `ccf_<id>_<random>`, kept as a keyed hash, verified in memory."""

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.access.models import ClientKey
from app.clock import now_ms
from app.db import beat, reading
from app.errors import InvalidInput, NotAuthenticated
from app.values import Role

PREFIX = "ccf_"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request. `key_id` None: a keyless request that the loopback rule let in."""

    role: Role
    name: str
    key_id: str | None = None
    models: tuple[str, ...] = ()
    """Models or families that may be asked for; empty: all."""
    budget_micro_usd: int | None = None
    requests_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    digest: bytes
    expires_at: int | None
    principal: Principal


class KeyTable:
    """The client keys as this process knows them; `load` reads them anew."""

    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper
        self._known: dict[str, _Known] = {}
        self.is_empty = True
        """Whether no key exists at all, so that the loopback rule applies; a revoked key still exists."""
        self.has_limits = False
        """Whether any key may only spend or ask so much."""

    def load(self) -> None:
        """Read all keys. Call inside an app context, off the event loop."""
        with reading() as session:
            rows = session.execute(select(ClientKey)).scalars().all()
        self._known = {row.id: _known(row) for row in rows if row.revoked_at is None}
        self.is_empty = not rows
        self.has_limits = any(
            one.principal.budget_micro_usd is not None or one.principal.requests_per_minute is not None
            for one in self._known.values()
        )

    def verify(self, presented: str) -> Principal:
        """Return whose key was presented. Raises NotAuthenticated with one text for every kind of wrong key."""
        key_id = presented[len(PREFIX) : len(PREFIX) + 8]
        known = self._known.get(key_id)
        digest = digest_of(self._pepper, presented)
        if known is None or not hmac.compare_digest(known.digest, digest):
            raise NotAuthenticated("The client key is not valid.")
        if known.expires_at is not None and known.expires_at <= now_ms():
            raise NotAuthenticated("The client key has expired.")
        return known.principal


def _known(row: ClientKey) -> _Known:
    role: Role = "admin" if row.role == "admin" else "client"
    models = tuple(json.loads(row.models)) if row.models else ()
    principal = Principal(role, row.name, row.id, models, row.budget_micro_usd, row.requests_per_minute)
    return _Known(row.digest, row.expires_at, principal)


def presented(environ: Mapping[str, Any]) -> str | None:
    """Return the key of ours that came along, in whichever header; other credentials are ignored here.

    Raises InvalidInput on a doubled credential.
    """
    api_key: str = environ.get("HTTP_X_API_KEY", "").strip()
    authorization: str = environ.get("HTTP_AUTHORIZATION", "").strip()
    if "," in api_key or "," in authorization:
        raise InvalidInput("A credential header came more than once, or holds a comma.")
    scheme, _, token = authorization.partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    ours = {value for value in (api_key, bearer) if value.startswith(PREFIX)}
    if len(ours) > 1:
        raise InvalidInput("Two different client keys came along; send one.")
    return ours.pop() if ours else None


def digest_of(pepper: bytes, key: str) -> bytes:
    """Return what is stored of a key."""
    return hmac.digest(pepper, key.encode("utf-8", "replace"), "sha256")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made: `key` is shown this once."""

    id: str
    name: str
    role: str
    key: str


def make(session: Session, pepper: bytes, name: str, role: str, created_by: str) -> NewKey:
    """Create a key within the caller's transaction. The name's uniqueness is the table's to enforce."""
    key_id = secrets.token_hex(4)
    key = f"{PREFIX}{key_id}_{secrets.token_urlsafe(32)}"
    session.add(
        ClientKey(
            id=key_id,
            name=name,
            digest=digest_of(pepper, key),
            role=role,
            created_at=now_ms(),
            created_by=created_by,
        )
    )
    beat(session, "keys")
    return NewKey(key_id, name, role, key)
