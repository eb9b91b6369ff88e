"""The first admin: a one-time token that start-up prints lets one person in, once, while there is no admin."""

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.access.users import NewUser, UserView, count_admins, insert_user, user_row
from app.audit import Actor
from app.clock import now_ms
from app.db import reading, transaction
from app.errors import NotAllowed
from app.installation import place
from app.preferences import SealedSecret
from app.upserts import upsert
from app.vault import Vault, VaultError

LIFETIME_MS = 3_600_000
_NAME = "setup_token"
_JUST_NOW_MS = 15_000


@dataclass(frozen=True, slots=True)
class SetupToken:
    """A token that was just made; it is shown this once."""

    text: str = field(repr=False)
    expires_at: int


@dataclass(frozen=True, slots=True)
class _Stored:
    sealed: bytes
    digest: bytes
    expires_at: int


def issue(vault: Vault, *, anew: bool = True) -> SetupToken | None:
    """Make a token in place of the former one, or return None when nobody needs it.

    That is when an admin exists, when another worker or host that starts at the same time has just shown its token, or,
    unless it is to be made `anew`, while the former one can be used.
    """
    token = secrets.token_urlsafe(32)
    expires_at = now_ms() + LIFETIME_MS
    content = json.dumps({"digest": _digest(token).hex(), "expires_at": expires_at}).encode()
    with transaction() as session:
        if count_admins(session):
            return None
        # The canary is always there; whoever holds its row is the only one at it.
        session.execute(select(SealedSecret.name).where(SealedSecret.name == "canary").with_for_update())
        former = _stored(session, vault)
        living_ms = _JUST_NOW_MS if anew else LIFETIME_MS
        if former is not None and expires_at - former.expires_at < living_ms:
            return None
        row = {"name": _NAME, "content": vault.seal(content, place(_NAME))}
        upsert(session, SealedSecret, [row], ["name"])
    return SetupToken(token, expires_at)


def is_open(vault: Vault) -> bool:
    """Whether somebody with the token could become the first admin now."""
    with reading() as session:
        stored = _stored(session, vault)
        return stored is not None and stored.expires_at > now_ms() and count_admins(session) == 0


def check(vault: Vault, token: str) -> None:
    """Raise NotAllowed unless the token would make somebody the first admin now."""
    with reading() as session:
        _checked(session, vault, token)


def claim(vault: Vault, token: str, new: NewUser, address: str | None) -> UserView:
    """Create the first admin with the token, which is dead then. Raises NotAllowed, InvalidInput. Hashes.

    Of several claims at the same time one wins: only it deletes the token, in the transaction that creates the user.
    """
    with reading() as session:
        stored = _checked(session, vault, token)
    row = user_row(NewUser(new.name, new.password, "admin"))
    with transaction() as session:
        _checked(session, vault, token)
        taken = session.execute(
            delete(SealedSecret)
            .where(SealedSecret.name == _NAME, SealedSecret.content == stored.sealed)
            .returning(SealedSecret.name)
        ).all()
        if not taken:
            raise _refusal()
        return insert_user(session, row, Actor(new.name, address))


def _checked(session: Session, vault: Vault, token: str) -> _Stored:
    stored = _stored(session, vault)
    digest = _digest(token)
    if (
        stored is None
        or not hmac.compare_digest(stored.digest, digest)
        or stored.expires_at <= now_ms()
        or count_admins(session)
    ):
        raise _refusal()
    return stored


def _refusal() -> NotAllowed:
    return NotAllowed(
        "This address of the setup is not valid, or no longer. While there is no admin, each start of the server "
        "prints a new one."
    )


def _stored(session: Session, vault: Vault) -> _Stored | None:
    sealed = session.execute(select(SealedSecret.content).where(SealedSecret.name == _NAME)).scalar()
    if sealed is None:
        return None
    try:
        content = json.loads(vault.open(sealed, place(_NAME)))
    except VaultError:
        return None
    return _Stored(sealed, bytes.fromhex(content["digest"]), content["expires_at"])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.strip().encode("utf-8", "replace")).digest()
