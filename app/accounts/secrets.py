"""Credentials of accounts at rest: sealed in the row, opened into memory, never shown."""

from dataclasses import dataclass, field

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.accounts.models import Account
from app.errors import Conflict
from app.values import TokenPair
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


def check_unheld(session: Session, vault: Vault, tokens: TokenPair, but: int | None = None) -> None:
    """Raise Conflict when an account other than `but` holds a log-in already: it is good for one of them."""
    rows = select(Account).where(or_(Account.refresh_token.is_not(None), Account.access_token.is_not(None)))
    for row in session.execute(rows.where(Account.id != but) if but is not None else rows).scalars():
        held = read_secrets(row, vault)
        is_same = tokens.refresh_token and tokens.refresh_token == held.refresh_token
        if is_same or (tokens.access_token and tokens.access_token == held.access_token):
            raise Conflict(
                f"The account {row.name} holds this log-in already, and a log-in is good for one account. "
                "Log in once more for another one.",
                details={"tokens": f"are those of {row.name}"},
            )
