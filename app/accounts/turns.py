"""Whose turn it is: when a background job last did something for an account, and when it is to do so again."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import Account, AccountTurn
from app.db import reading, transaction
from app.upserts import upsert


@dataclass(frozen=True, slots=True)
class Turn:
    """One account's turn at one job. `is_asked_to_wait`: the upstream itself named the time until `next_at`."""

    account_id: int
    at: int
    next_at: int
    is_asked_to_wait: bool = False
    failures: int = 0
    error: str | None = None


def turns(session: Session, job: str) -> dict[int, Turn]:
    """Return the turns of a job by account."""
    found = session.execute(select(AccountTurn).where(AccountTurn.job == job)).scalars()
    return {
        row.account_id: Turn(row.account_id, row.at, row.next_at, row.is_asked_to_wait, row.failures, row.error)
        for row in found
    }


def stored_turns(job: str) -> dict[int, Turn]:
    """Return the turns of a job by account. Call inside an app context, off the event loop."""
    with reading() as session:
        return turns(session, job)


def store_turn(job: str, turn: Turn) -> None:
    """Write down how an account's turn went, in a transaction of its own."""
    with transaction() as session:
        note_turn(session, job, turn)


def note_turn(session: Session, job: str, turn: Turn) -> None:
    """Write down how an account's turn went, unless the account was removed meanwhile."""
    if session.get(Account, turn.account_id) is None:
        return
    row = {
        "account_id": turn.account_id,
        "job": job,
        "at": turn.at,
        "next_at": turn.next_at,
        "is_asked_to_wait": turn.is_asked_to_wait,
        "failures": turn.failures,
        "error": turn.error,
    }
    upsert(session, AccountTurn, [row], ["account_id", "job"])


def is_due(turn: Turn | None, now_ms: int, *, is_asked: bool) -> bool:
    """Whether an account's turn has come. `is_asked`: a person wants it now, which no upstream's wait gives way to."""
    if turn is None or turn.next_at <= now_ms:
        return True
    return is_asked and not turn.is_asked_to_wait


def backed_off_ms(base_ms: int, failures: int, cap_ms: int) -> int:
    """Return the wait after so many failures in a row: the base, doubling, up to a cap."""
    return min(cap_ms, base_ms << min(max(failures - 1, 0), 20))
