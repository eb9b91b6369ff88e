"""Who may refresh an account's tokens: a lease in its row, fenced by the generation of its secrets.

Each verb is one short transaction; none is open across a network wait. Call inside an app context, off the event loop.
"""

import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.accounts.models import Account
from app.accounts.secrets import AccountSecrets, read_secrets, seal_into
from app.audit import SYSTEM, note
from app.clock import now_ms
from app.db import beat, reading, transaction
from app.values import TokenPair
from app.vault import Vault

LEASE_MS = 75_000
"""Longer than one call of the token server may last; who asks twice extends the lease in between."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An account's row as it was read, under the lease if `is_ours`."""

    account_id: int
    provider: str
    secrets: AccountSecrets
    is_ours: bool
    needs_reauth: bool
    failures: int
    retry_at: int | None
    error: str | None


def take(vault: Vault, account_id: int, owner: str) -> Seen | None:
    """Take the lease if it is free, and return the row as it then is; None when there is no such account."""
    with reading() as session:
        row = session.get(Account, account_id)
        if row is None:
            return None
        if not _is_free(session, row, owner):
            return _seen(row, vault, owner)
    with transaction() as session:
        row = session.get(Account, account_id, with_for_update=True)
        if row is None:
            return None
        if _is_free(session, row, owner):
            row.lease_owner, row.lease_until = owner, _now(session) + LEASE_MS
        return _seen(row, vault, owner)


def extend(account_id: int, generation: int, owner: str) -> bool:
    """Begin the lease's time anew; return whether it was still ours and the secrets are the ones we know."""
    with transaction() as session:
        row = session.get(Account, account_id, with_for_update=True)
        if row is None or row.lease_owner != owner or row.secret_generation != generation:
            return False
        row.lease_until = _now(session) + LEASE_MS
        return True


def release(account_id: int, owner: str) -> None:
    """Let go of the lease, if it is still ours."""
    with transaction() as session:
        session.execute(
            update(Account)
            .where(Account.id == account_id, Account.lease_owner == owner)
            .values(lease_owner=None, lease_until=None)
        )


def store_pair(vault: Vault, account_id: int, generation: int, pair: TokenPair, owner: str) -> bool:
    """Put a new pair in the place of the given generation, unless that was replaced already; lets go of the lease."""
    with transaction() as session:
        row = session.get(Account, account_id, with_for_update=True)
        if row is None or row.secret_generation != generation:
            return False
        seal_into(row, vault, "access_token", pair.access_token)
        if pair.refresh_token is not None:
            seal_into(row, vault, "refresh_token", pair.refresh_token)
        row.expires_at, row.refreshed_at = pair.expires_at, now_ms()
        row.scopes, row.organization = pair.scope or row.scopes, pair.organization or row.organization
        row.secret_generation = generation + 1
        row.refresh_failures, row.refresh_retry_at, row.refresh_error = 0, None, None
        row.needs_reauth_at = None
        if row.cooldown_reason == "auth":
            row.cooldown_until = row.cooldown_reason = row.cooldown_at = None
        _let_go(row, owner)
        beat(session, "accounts")
        return True


def note_failure(account_id: int, owner: str, failures: int, retry_at: int, error: str) -> None:
    """Write down that a refresh failed and when the next may be tried; lets go of the lease."""
    with transaction() as session:
        session.execute(
            update(Account)
            .where(Account.id == account_id, Account.lease_owner == owner)
            .values(
                refresh_failures=failures,
                refresh_retry_at=retry_at,
                refresh_error=error,
                lease_owner=None,
                lease_until=None,
            )
        )
        beat(session, "accounts")


def require_login(account_id: int, generation: int, owner: str, error: str) -> bool:
    """Write down that the log-in has ended, unless the secrets were replaced meanwhile; lets go of the lease."""
    with transaction() as session:
        row = session.get(Account, account_id, with_for_update=True)
        if row is None:
            return False
        _let_go(row, owner)
        if row.secret_generation != generation:
            return False
        if row.needs_reauth_at is None:
            row.needs_reauth_at = now_ms()
            note(session, SYSTEM, "account.needs_reauth", row.name, error)
        row.refresh_error, row.refresh_retry_at = error, None
        beat(session, "accounts")
        return True


def new_owner() -> str:
    """Return a name for this process as a holder of leases, by which others on this host can see that it is dead."""
    return f"{_kernel()}:{os.getpid()}:{secrets.token_hex(8)}"


def is_dead(owner: str) -> bool:
    """Whether a holder of a lease ran under this very kernel and process table and is gone."""
    kernel, _, rest = owner.partition(":")
    pid = rest.partition(":")[0]
    if kernel != _kernel() or not pid.isdigit() or kernel.startswith("?"):
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _kernel() -> str:
    """Return what tells one process table from every other: the boot of the kernel and the name space of its pids."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii")[:13]
        table = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return f"?{socket.gethostname()[:20]}"
    return boot + table.removeprefix("pid:").strip("[]")


def _is_free(session: Session, row: Account, owner: str) -> bool:
    holder, until = row.lease_owner, row.lease_until
    return holder is None or holder == owner or until is None or until <= _now(session) or is_dead(holder)


def _let_go(row: Account, owner: str) -> None:
    if row.lease_owner == owner:
        row.lease_owner = row.lease_until = None


def _now(session: Session) -> int:
    """Return the time by the one clock that all holders share: the database's, where that is a server."""
    if session.get_bind().dialect.name != "postgresql":
        return now_ms()
    return int(session.execute(select(func.extract("epoch", func.clock_timestamp()) * 1000)).scalar_one())


def _seen(row: Account, vault: Vault, owner: str) -> Seen:
    return Seen(
        account_id=row.id,
        provider=row.provider,
        secrets=read_secrets(row, vault),
        is_ours=row.lease_owner == owner,
        needs_reauth=row.needs_reauth_at is not None,
        failures=row.refresh_failures,
        retry_at=row.refresh_retry_at,
        error=row.refresh_error,
    )
