"""Credentials of accounts at rest: sealed in the row, opened into memory, never shown."""

from dataclasses import dataclass, field

from app.accounts.models import Account
from app.vault import Vault, VaultError

COLUMNS = ("api_key", "access_token", "refresh_token")


@dataclass(frozen=True, slots=True)
class AccountSecrets:
    """The opened credentials of one account. `fault` says why they could not be opened."""

    api_key: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: int | None = None
    generation: int = 0
    fault: str | None = None


def place(account_id: int, column: str) -> str:
    """Return the place that a secret column of an account is sealed for."""
    return f"accounts:{column}:{account_id}"


def read_secrets(row: Account, vault: Vault) -> AccountSecrets:
    """Open the secrets of an account row; a value that does not open is a fault of this account alone."""
    opened: dict[str, str | None] = {}
    for column in COLUMNS:
        sealed: bytes | None = getattr(row, column)
        try:
            opened[column] = vault.open_text(sealed, place(row.id, column)) if sealed is not None else None
        except VaultError as exc:
            return AccountSecrets(generation=row.secret_generation, fault=str(exc))
    return AccountSecrets(
        api_key=opened["api_key"],
        access_token=opened["access_token"],
        refresh_token=opened["refresh_token"],
        expires_at=row.expires_at,
        generation=row.secret_generation,
    )


def seal_into(row: Account, vault: Vault, column: str, plain: str | None) -> None:
    """Put a secret into its column (the row has its id already)."""
    setattr(row, column, None if plain is None else vault.seal_text(plain, place(row.id, column)))
