"""The installation's own sealed secrets: made once, shared by every worker and host through the database."""

import secrets

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.db import reading, transaction
from app.preferences import SealedSecret
from app.upserts import insert_new
from app.vault import Ring, Vault, VaultError

_CANARY = b"ccflare"


def place(name: str) -> str:
    """Return the place that a secret of the installation is sealed for."""
    return f"sealed_secrets:content:{name}"


def check_keyring(vault: Vault) -> None:
    """Raise VaultError when the keyring is not the one that this database was written with."""
    try:
        plain = _obtain(vault, "canary", _CANARY)
    except VaultError as exc:
        raise VaultError(
            "The encryption keyring does not open this database. Give the keys that it was written with "
            "(CCFLARE_ENCRYPTION_KEYS, CCFLARE_ENCRYPTION_KEYS_FILE, or the key file of the data directory), "
            "or restore the key file from a backup."
        ) from exc
    if plain != _CANARY:
        raise VaultError("The canary of the encryption keyring was tampered with.")


def opens_database(ring: Ring) -> bool | None:
    """Return whether keys open what this database was written with; None when it cannot be asked."""
    try:
        with reading() as session:
            row = session.get(SealedSecret, "canary")
    except SQLAlchemyError:
        return None
    try:
        return row is not None and Vault(ring).open(row.content, place("canary")) == _CANARY
    except VaultError:
        return False


def pepper(vault: Vault) -> bytes:
    """Return the secret under which client keys are hashed."""
    return _obtain(vault, "pepper", secrets.token_bytes(32))


def cookie_key(vault: Vault) -> str:
    """Return the secret that signs cookies and form tokens."""
    return _obtain(vault, "cookie_key", secrets.token_bytes(32)).hex()


def _obtain(vault: Vault, name: str, fresh: bytes) -> bytes:
    """Return a named secret, storing `fresh` as its value when there is none; of several processes one wins."""
    with reading() as session:
        row = session.get(SealedSecret, name)
    if row is None:
        with transaction() as session:
            _insert(session, vault, name, fresh)
        with reading() as session:
            row = session.get(SealedSecret, name)
    if row is None:
        raise VaultError(f"the secret {name} could not be stored")
    return vault.open(row.content, place(name))


def _insert(session: Session, vault: Vault, name: str, fresh: bytes) -> None:
    insert_new(session, SealedSecret, [{"name": name, "content": vault.seal(fresh, place(name))}], ["name"])
