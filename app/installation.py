"""The installation's own sealed secrets: made once, shared by every worker and host through the database."""

import secrets
from pathlib import Path

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


_WHAT_TO_DO = (
    "Give the keys that it was written with (CCFLARE_ENCRYPTION_KEYS, CCFLARE_ENCRYPTION_KEYS_FILE, or the key file of "
    "the data directory), or restore the key file from a backup."
)


def check_key_file(file: Path) -> None:
    """Raise VaultError when the file is missing that holds the keys of this database: a new one would not open it."""
    # In this order: whoever starts at the same time makes the file before the canary.
    if not file.exists() and _is_sealed() and not file.exists():
        raise VaultError(f"There is no key file {file}, and this database was written with other keys. {_WHAT_TO_DO}")


def _is_sealed() -> bool:
    with reading() as session:
        return session.get(SealedSecret, "canary") is not None


def check_keyring(vault: Vault) -> None:
    """Raise VaultError when the keyring is not the one that this database was written with."""
    try:
        plain = _obtain(vault, "canary", _CANARY)
    except VaultError as exc:
        raise VaultError(f"The encryption keyring does not open this database. {_WHAT_TO_DO}") from exc
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
