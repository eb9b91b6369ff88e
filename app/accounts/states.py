"""What is known of each account, read from the database in one go."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.candidates import candidate_of, read_limits
from app.accounts.models import Account, AccountWindow
from app.accounts.secrets import AccountSecrets, read_secrets
from app.upserts import upsert
from app.values import Candidate, Verdict, Window
from app.vault import Vault


@dataclass(slots=True)
class AccountState:
    """What is known of one account: the value that routing sees, and what only this room needs."""

    candidate: Candidate
    secrets: AccountSecrets
    cooldown_at: int | None = None
    streak_reason: str | None = None
    streak: int = 0
    streak_at: int | None = None
    refresh_failures: int = 0
    refresh_retry_at: int | None = None
    refresh_error: str | None = None


def read_states(session: Session, vault: Vault, base_urls: Mapping[str, str]) -> dict[int, AccountState]:
    """Read every account with its windows and model cool-downs, in the order of names."""
    windows, cooldowns = read_limits(session)
    states = {}
    for row in session.execute(select(Account).order_by(Account.name)).scalars():
        states[row.id] = AccountState(
            candidate=candidate_of(row, windows.get(row.id, ()), cooldowns.get(row.id, {}), base_urls),
            secrets=read_secrets(row, vault),
            cooldown_at=row.cooldown_at,
            streak_reason=row.streak_reason,
            streak=row.streak,
            streak_at=row.streak_at,
            refresh_failures=row.refresh_failures,
            refresh_retry_at=row.refresh_retry_at,
            refresh_error=row.refresh_error,
        )
    return states


def tells_the_same(old: Window, new: Window) -> bool:
    """Whether a window is as it was, no matter when it was seen."""
    return (old.utilization, old.reset_at, old.status) == (new.utilization, new.reset_at, new.status)


def newest(one: Iterable[Window], other: Iterable[Window]) -> tuple[Window, ...]:
    """Return of each kind the window that was seen last."""
    known: dict[str, Window] = {}
    for window in (*one, *other):
        if window.kind not in known or known[window.kind].seen_at <= window.seen_at:
            known[window.kind] = window
    return tuple(known.values())


def store_windows(session: Session, seen: Sequence[tuple[int, Window]]) -> None:
    """Write windows by account, unless a newer value is stored already or the account was removed."""
    ids = sorted({account_id for account_id, _ in seen})
    present = set(session.execute(select(Account.id).where(Account.id.in_(ids))).scalars())
    there = select(AccountWindow.account_id, AccountWindow.kind, AccountWindow.seen_at).with_for_update()
    ordered = there.where(AccountWindow.account_id.in_(ids)).order_by(AccountWindow.account_id, AccountWindow.kind)
    stored = {(account_id, kind): seen_at for account_id, kind, seen_at in session.execute(ordered)}
    rows = [
        {
            "account_id": account_id,
            "kind": window.kind,
            "utilization": window.utilization,
            "reset_at": window.reset_at,
            "status": window.status,
            "seen_at": window.seen_at,
            "source": window.source,
        }
        for account_id, window in seen
        if account_id in present and stored.get((account_id, window.kind), 0) <= window.seen_at
    ]
    if rows:
        upsert(session, AccountWindow, rows, ["account_id", "kind"])


def reset_of_5h(candidate: Candidate, at: int) -> int | None:
    """Return when the 5 h window that is open at a time ends; None when that is not known."""
    for window in candidate.windows:
        if window.kind == "5h" and window.reset_at is not None and window.reset_at > at:
            return window.reset_at
    return None


def strike(state: AccountState, verdict: Verdict, started_at: int, at: int) -> dict[str, Any]:
    """Count a failure, unless an attempt that ran beside this one has counted already."""
    if state.streak_reason == verdict.reason and state.streak_at is not None:
        if started_at <= state.streak_at:
            return {}
        within = verdict.ramp.within_ms if verdict.ramp else None
        is_repeat = within is None or at - state.streak_at <= within
    else:
        is_repeat = False
    state.streak = state.streak + 1 if is_repeat else 1
    state.streak_reason, state.streak_at = verdict.reason, at
    return {"streak": state.streak, "streak_reason": verdict.reason, "streak_at": at}
