"""The table of jobs that the leader runs, and the verbs by which everyone sees and asks for them."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app

from app.accounts import windows
from app.accounts.oauth import endpoints_of
from app.accounts.polling import Poller, can_be_polled
from app.accounts.tokens import NoCredential
from app.accounts.turns import Turn, is_due, store_turn, stored_turns
from app.background import states
from app.background.auto_refresh import open_windows
from app.background.leader import RENEW_S, Leader, current
from app.background.repricing import reprice_asked
from app.background.retention import fit_payloads, retain
from app.background.runner import perform
from app.background.states import Background, JobView
from app.background.work import Done, Job, Work
from app.clock import now_ms
from app.db import offload
from app.errors import Unavailable
from app.names import unknown
from app.runtime import Runtime, runtime

POLL = "poll-windows"
REPRICE = "reprice"
_STAGGER_S = 0.4
_LONGEST_LOOK_MS = 15_000
_SHORTEST_LOOK_MS = 5_000
_WAIT_S = 0.2


def _refresh_tokens(work: Work) -> Done:
    due = work.runtime.credentials.refresh_due(now_ms())
    names = {candidate.id: candidate.name for candidate in work.runtime.pool.candidates()}
    failed = []
    for account_id in due:
        work.check()
        try:
            work.runtime.credentials.refresh(account_id)
        except NoCredential as exc:
            failed.append(f"{names.get(account_id, account_id)}: {exc}")
    told = f"{len(due) - len(failed)} of {len(due)} tokens refreshed" if due else "no token is due"
    return Done("; ".join([told, *failed]))


def _poll_windows(work: Work) -> Done:
    run = work.runtime
    poller = poller_of(run)
    known = offload(stored_turns, POLL)
    polled = failed = 0
    for candidate in run.pool.candidates():
        last = known.get(candidate.id)
        if not can_be_polled(candidate) or not is_due(last, now_ms(), is_asked=work.is_asked):
            continue
        if polled:
            work.pause(random.uniform(0, _STAGGER_S))
        turn = poller.poll(candidate, last)
        if turn is not None:
            known[candidate.id] = turn
            offload(store_turn, POLL, turn)
            polled += 1
            failed += turn.error is not None
    run.pool.flush_windows()
    told = f"{polled} accounts polled, {failed} of them in vain" if polled else "no account is due"
    return Done(told, _next_look(work, known))


def poller_of(run: Runtime) -> Poller:
    """Return what polls accounts under the settings of now."""
    every_ms = int(run.settings.usage_poll_s * 1000)
    return Poller(run.pool, run.credentials, run.transport, endpoints_of(run.settings), every_ms)


def _next_look(work: Work, known: dict[int, Turn]) -> int:
    """Return when the next account is due; not too late for one that is added meanwhile."""
    now = now_ms()
    ids = {candidate.id for candidate in work.runtime.pool.candidates() if can_be_polled(candidate)}
    turns_left = [turn.next_at for account_id, turn in known.items() if account_id in ids]
    soonest = min(turns_left, default=now + _LONGEST_LOOK_MS)
    return min(max(soonest, now + _SHORTEST_LOOK_MS), now + _LONGEST_LOOK_MS)


def _record_windows(work: Work) -> Done:
    samples, resets = offload(_record, work.leader)
    return Done(f"{samples} samples, {resets} resets noted")


def _record(leader: Leader) -> tuple[int, int]:
    with leader.transaction() as session:
        return windows.record(session, now_ms())


JOBS: tuple[Job, ...] = (
    Job("refresh-tokens", 30, "Refreshes log-ins before they expire", _refresh_tokens),
    Job(POLL, 30, "Asks the usage endpoint of each account how full its windows are", _poll_windows),
    Job("window-history", 30, "Samples the windows and notes the resets that passed", _record_windows),
    Job("auto-refresh", 60, "Opens the next window of the accounts that have it switched on", open_windows),
    Job("payload-size", 60, "Keeps the stored bodies below their size limit", fit_payloads),
    Job("retention", 3600, "Forgets what is older than it is to be kept", retain),
    Job(REPRICE, 3600, "Prices requests anew where somebody asked for it", reprice_asked),
)
"""Every job, in the order in which it is shown."""


def overview() -> Background:
    """Return every job with how it fares, and who leads. Call inside an app context."""
    return states.background(JOBS)


def job_named(name: str) -> Job:
    """Return a job. Raises NotFound."""
    for job in JOBS:
        if job.name == name:
            return job
    raise unknown("job", name, [job.name for job in JOBS])


def request_run(name: str) -> None:
    """Ask the leader to run a job now, and do not wait. Raises NotFound. Call inside an app context."""
    states.ask(job_named(name))


def run_now(name: str, within_s: float) -> tuple[JobView, bool]:
    """Run a job and return how it went, and whether it ran in this process because no server is up.

    Raises NotFound, or Unavailable when the server does not finish it in time. Call inside an app context, in a
    process without an event loop.
    """
    job = job_named(name)
    ticket = states.ask(job)
    deadline = time.monotonic() + within_s
    while not states.is_answered(job, ticket):
        holder = current()
        if (holder is None or not holder.is_alive) and _run_here(job):
            return _view(job), True
        if time.monotonic() > deadline:
            raise Unavailable(f"The server has not finished {name} within {within_s:g} s; it goes on there.")
        time.sleep(_WAIT_S)
    return _view(job), False


def _view(job: Job) -> JobView:
    return states.background((job,)).jobs[0]


def _run_here(job: Job) -> bool:
    """Run a job in this process, as leader for so long; return whether the lease was to be had."""
    leader = Leader()
    if not leader.keep():
        return False
    with _kept(leader):
        perform(job, Work(runtime(), leader, is_asked=True))
    return True


@contextmanager
def _kept(leader: Leader) -> Iterator[None]:
    """Renew the lease on a thread for as long as the block runs; then give it back."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - for use on another thread
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEW_S):
            with app.app_context():
                leader.keep()

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        leader.resign()
