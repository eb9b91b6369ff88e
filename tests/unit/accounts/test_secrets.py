"""Credentials of accounts at rest."""

import pytest

from app.accounts.models import Account
from app.accounts.secrets import COLUMNS, AccountSecrets, read_secrets, seal_into
from app.vault import Vault, keyring, new_key

PLAIN = "sk-ant-api03-plain"


@pytest.fixture
def vault() -> Vault:
    return keyring(new_key())


def row(account_id: int = 7) -> Account:
    return Account(id=account_id, secret_generation=3, expires_at=99)


def test_what_was_sealed_is_read_back_with_its_generation(vault: Vault) -> None:
    account = row()
    for column in COLUMNS:
        seal_into(account, vault, column, f"{PLAIN}-{column}")
    assert read_secrets(account, vault) == AccountSecrets(
        f"{PLAIN}-api_key", f"{PLAIN}-access_token", f"{PLAIN}-refresh_token", expires_at=99, generation=3
    )


@pytest.mark.parametrize("column", COLUMNS)
def test_column_holds_no_plain_text(vault: Vault, column: str) -> None:
    account = row()
    seal_into(account, vault, column, PLAIN)
    assert PLAIN.encode() not in getattr(account, column)


def test_secret_is_taken_out_again(vault: Vault) -> None:
    account = row()
    seal_into(account, vault, "api_key", PLAIN)
    seal_into(account, vault, "api_key", None)
    assert account.api_key is None
    assert read_secrets(account, vault) == AccountSecrets(expires_at=99, generation=3)


def test_secret_of_another_account_is_a_fault(vault: Vault) -> None:
    one, other = row(7), row(8)
    seal_into(one, vault, "api_key", PLAIN)
    other.api_key = one.api_key
    assert read_secrets(other, vault).fault


def test_secret_of_another_column_is_a_fault(vault: Vault) -> None:
    account = row()
    seal_into(account, vault, "access_token", PLAIN)
    account.refresh_token = account.access_token
    assert read_secrets(account, vault).fault


def test_value_that_does_not_open_is_told_and_opens_nothing_else(vault: Vault) -> None:
    account = row()
    seal_into(account, vault, "access_token", PLAIN)
    seal_into(account, keyring(new_key()), "refresh_token", PLAIN)
    found = read_secrets(account, vault)
    assert found.fault
    assert (found.api_key, found.access_token, found.refresh_token, found.generation) == (None, None, None, 3)


def test_opened_secrets_are_never_printed(vault: Vault) -> None:
    account = row()
    for column in COLUMNS:
        seal_into(account, vault, column, PLAIN)
    assert PLAIN not in repr(read_secrets(account, vault))
