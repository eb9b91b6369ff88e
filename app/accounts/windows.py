"""The history of windows: samples for plots and forecasts, and one event for each reset that was crossed."""

from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.accounts.candidates import window_of
from app.accounts.forecast import SAME_RESET_MS, Forecast, Sample, forecast, pool_forecast
from app.accounts.models import Account, AccountWindow, WindowEvent, WindowSample
from app.clock import now_ms
from app.db import reading
from app.upserts import insert_new

SAMPLE_EVERY_MS = 300_000
"""A value that does not change is sampled this often, as long as it is seen."""
STEP = 0.005
"""The least change that is a sample of its own."""
KEPT_MS = 90 * 86_400_000

_LOOK_BACK_MS = 36 * 3_600_000


@dataclass(frozen=True, slots=True)
class ResetEvent:
    """A reset that an account's window went through."""

    id: int
    account_id: int
    kind: str
    reset_at: int
    noticed_at: int
    utilization: float | None


@dataclass(frozen=True, slots=True)
class Outlooks:
    """What every window is heading for: by kind, the pool's forecast and each account's."""

    pool: dict[str, Forecast]
    accounts: dict[str, dict[str, Forecast]]


def record(session: Session, at: int) -> tuple[int, int]:
    """Sample what is known of every window, and note the resets that passed; return how many of both.

    Doing it twice changes nothing: a sample is an observation at its own time, and a reset is noted once.
    """
    samples: list[dict[str, object]] = []
    resets = 0
    for row in session.execute(select(AccountWindow)).scalars():
        if not _has_history(row.kind):
            continue
        last = _last_sample(session, row.account_id, row.kind)
        resets += _note_resets(session, row, last, at)
        if _is_news(row, last):
            samples.append(
                {
                    "account_id": row.account_id,
                    "kind": row.kind,
                    "at": row.seen_at,
                    "utilization": row.utilization,
                    "reset_at": row.reset_at,
                    "source": row.source,
                }
            )
    if samples:
        insert_new(session, WindowSample, samples, ["account_id", "kind", "at"])
    return len(samples), resets


def samples(account_id: int, kind: str, since: int) -> list[Sample]:
    """Return the known values of a window since a time, oldest first. Call inside an app context."""
    with reading() as session:
        return _samples(session, account_id, kind, since)


def reset_events(since: int, limit: int = 200) -> list[ResetEvent]:
    """Return the resets noticed since a time, newest first. Call inside an app context."""
    wanted = select(WindowEvent).where(WindowEvent.noticed_at >= since).order_by(WindowEvent.id.desc()).limit(limit)
    with reading() as session:
        return [
            ResetEvent(row.id, row.account_id, row.kind, row.reset_at, row.noticed_at, row.utilization)
            for row in session.execute(wanted).scalars()
        ]


def outlooks() -> Outlooks:
    """Return what each account's windows, and the pool's, are heading for. Call inside an app context, off the loop."""
    at = now_ms()
    by_kind: dict[str, dict[str, Forecast]] = {}
    with reading() as session:
        wanted = select(AccountWindow, Account.name).join(Account, Account.id == AccountWindow.account_id)
        for row, name in session.execute(wanted.where(Account.paused_at.is_(None), Account.needs_reauth_at.is_(None))):
            if not _has_history(row.kind):
                continue
            known = _samples(session, row.account_id, row.kind, at - _LOOK_BACK_MS)
            by_kind.setdefault(row.kind, {})[name] = forecast(window_of(row), known, at)
    accounts: dict[str, dict[str, Forecast]] = {}
    for kind, forecasts in by_kind.items():
        for name, one in forecasts.items():
            accounts.setdefault(name, {})[kind] = one
    return Outlooks({kind: pool_forecast(forecasts, at) for kind, forecasts in by_kind.items()}, accounts)


def forget_before(session: Session, at: int, limit: int) -> int:
    """Remove the oldest samples and events from before a time, at most `limit` of each; return how many went."""
    gone = 0
    for account_id, kind in session.execute(select(AccountWindow.account_id, AccountWindow.kind)).all():
        of_window = (WindowSample.account_id == account_id, WindowSample.kind == kind)
        oldest = select(WindowSample.at).where(*of_window, WindowSample.at < at).order_by(WindowSample.at).limit(limit)
        removed = delete(WindowSample).where(*of_window, WindowSample.at.in_(oldest)).returning(WindowSample.at)
        gone += len(session.execute(removed).all())
    events = select(WindowEvent.id).where(WindowEvent.noticed_at < at).limit(limit)
    noted = delete(WindowEvent).where(WindowEvent.id.in_(events)).returning(WindowEvent.id)
    return gone + len(session.execute(noted).all())


def _has_history(kind: str) -> bool:
    """Whether a window is worth a plot: those of hours and days are, an API key's limits a minute are not."""
    return kind[:1].isdigit() or kind == "time_limit"


def _last_sample(session: Session, account_id: int, kind: str) -> WindowSample | None:
    newest = (
        select(WindowSample)
        .where(WindowSample.account_id == account_id, WindowSample.kind == kind)
        .order_by(WindowSample.at.desc())
        .limit(1)
    )
    return session.execute(newest).scalar_one_or_none()


def _is_news(row: AccountWindow, last: WindowSample | None) -> bool:
    if last is None or row.seen_at <= last.at:
        return last is None
    if row.seen_at - last.at >= SAMPLE_EVERY_MS or _differ(row.reset_at, last.reset_at):
        return True
    if row.utilization is None or last.utilization is None:
        return row.utilization is not last.utilization
    return abs(row.utilization - last.utilization) >= STEP or row.utilization >= 1 > last.utilization


def _note_resets(session: Session, row: AccountWindow, last: WindowSample | None, at: int) -> int:
    """Note the resets of the sampled and of the present window that have passed and were not noted yet."""
    passed: dict[int, float | None] = {}
    if last is not None and last.reset_at is not None and last.reset_at <= at:
        passed[last.reset_at] = last.utilization
    if row.reset_at is not None and row.reset_at <= at:
        passed[row.reset_at] = row.utilization
    noted = 0
    for reset_at in sorted(passed):
        same = select(WindowEvent.id).where(
            WindowEvent.account_id == row.account_id,
            WindowEvent.kind == row.kind,
            WindowEvent.reset_at > reset_at - SAME_RESET_MS,
            WindowEvent.reset_at < reset_at + SAME_RESET_MS,
        )
        if session.execute(same.limit(1)).scalar() is None:
            session.add(
                WindowEvent(
                    account_id=row.account_id,
                    kind=row.kind,
                    reset_at=reset_at,
                    noticed_at=at,
                    utilization=passed[reset_at],
                )
            )
            session.flush()
            noted += 1
    return noted


def _differ(one: int | None, other: int | None) -> bool:
    if one is None or other is None:
        return one is not other
    return abs(one - other) >= SAME_RESET_MS


def _samples(session: Session, account_id: int, kind: str, since: int) -> list[Sample]:
    wanted = (
        select(WindowSample.at, WindowSample.utilization, WindowSample.reset_at)
        .where(WindowSample.account_id == account_id, WindowSample.kind == kind, WindowSample.at >= since)
        .order_by(WindowSample.at)
    )
    return [Sample(at, used, reset_at) for at, used, reset_at in session.execute(wanted) if used is not None]
