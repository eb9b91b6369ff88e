"""The installation's own secrets: made once, and bound to the keyring."""

import pytest
from flask import Flask
from sqlalchemy import delete, update

from app import installation
from app.db import reading, transaction
from app.preferences import SealedSecret
from app.runtime import runtime
from app.vault import VaultError, keyring, new_key, read_ring


def sealed(name: str) -> bytes:
    with reading() as session:
        return session.get_one(SealedSecret, name).content


def replace(name: str, content: bytes) -> None:
    with transaction() as session:
        session.execute(update(SealedSecret).where(SealedSecret.name == name).values(content=content))


def test_secrets_stay_the_same_once_made(app: Flask) -> None:
    vault = runtime().vault
    pepper, cookie_key = installation.pepper(vault), installation.cookie_key(vault)
    assert (installation.pepper(vault), installation.cookie_key(vault)) == (pepper, cookie_key)
    assert len(pepper) == len(bytes.fromhex(cookie_key)) == 32
    assert pepper.hex() != cookie_key


@pytest.mark.parametrize("name", ["pepper", "cookie_key"])
def test_every_installation_has_secrets_of_its_own(app: Flask, name: str) -> None:
    make = getattr(installation, name)
    before = make(runtime().vault)
    with transaction() as session:
        session.execute(delete(SealedSecret).where(SealedSecret.name == name))
    assert make(runtime().vault) != before


def test_process_that_comes_second_takes_what_the_first_stored(app: Flask) -> None:
    vault = runtime().vault
    first = installation.pepper(vault)
    with transaction() as session:
        installation._insert(session, vault, "pepper", b"another")
    assert installation.pepper(vault) == first


def test_secrets_are_sealed_at_rest(app: Flask) -> None:
    pepper = installation.pepper(runtime().vault)
    assert pepper not in sealed("pepper")
    assert runtime().vault.open(sealed("pepper"), installation.place("pepper")) == pepper


def test_keyring_of_this_database_is_accepted_and_another_is_not(app: Flask) -> None:
    installation.check_keyring(runtime().vault)
    with pytest.raises(VaultError, match="does not open this database"):
        installation.check_keyring(keyring(new_key()))


def test_keys_are_told_by_whether_they_open_the_database(app: Flask) -> None:
    text = runtime().vault.file.read_text() if runtime().vault.file else ""
    assert installation.opens_database(read_ring(text)) is True
    assert installation.opens_database(read_ring(new_key())) is False
    with transaction() as session:
        session.connection().exec_driver_sql("DROP TABLE sealed_secrets")
    assert installation.opens_database(read_ring(text)) is None


def test_changed_canary_is_noticed(app: Flask) -> None:
    vault = runtime().vault
    replace("canary", vault.seal(b"another", installation.place("canary")))
    with pytest.raises(VaultError, match="tampered"):
        installation.check_keyring(vault)


def test_secret_moved_from_another_name_does_not_open(app: Flask) -> None:
    replace("pepper", sealed("cookie_key"))
    with pytest.raises(VaultError):
        installation.pepper(runtime().vault)
