"""Runs the jobs in the process that leads: when they are due, when somebody asks, and never beyond the lease."""

import logging
import random
from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy.exc import SQLAlchemyError

from app.background import states
from app.background.leader import Leader, NotLeading
from app.background.work import Done, Job, Work
from app.clock import now_ms
from app.db import offload
from app.runtime import Runtime

log = logging.getLogger(__name__)

LEAD_S = 1.0
TICK_S = 0.25
ASK_S = 0.5
_FIRST_RUN_WITHIN_MS = 5_000


class Running(Protocol):
    """A run under way that can be stopped."""

    def kill(self, *, block: bool) -> Any:
        """Stop it, without waiting for its end."""


Spawn = Callable[..., Running]


class Runner:
    """The jobs of one process. `spawn(function, *args)` starts a run beside the caller's."""

    def __init__(self, runtime: Runtime, leader: Leader, jobs: tuple[Job, ...], spawn: Spawn) -> None:
        self._runtime = runtime
        self._leader = leader
        self._jobs = {job.name: job for job in jobs}
        self._spawn = spawn
        self._next: dict[str, int] = {}
        self._asked: set[str] = set()
        self._running: dict[str, Running] = {}

    def lead(self) -> None:
        """Keep the lease, or try to get it; while the worker drains, give it to another. Call every `LEAD_S`."""
        if self._runtime.flights.is_draining:
            self.resign()
            return
        if not self._leader.is_due:
            return
        before = self._leader.generation
        if offload(self._leader.keep) and self._leader.generation != before:
            self._plan(offload(states.schedules))

    def resign(self) -> None:
        """Stop all runs and give the lease back."""
        self._stop()
        if self._leader.generation is not None:
            offload(self._leader.resign)

    def close(self) -> None:
        """Do the same at the end of the process, where nothing else runs any more."""
        self._stop()
        try:
            self._leader.resign()
        except SQLAlchemyError as exc:
            log.warning("the lease is not given back and runs out by itself: %s", exc)

    def ask(self) -> None:
        """Look for runs that somebody asked for. Call every `ASK_S`."""
        if self._leader.is_leading:
            found = offload(states.schedules)
            wanted = {name for name, schedule in found.items() if schedule.is_asked and name in self._jobs}
            self._asked = wanted - set(self._running)

    def tick(self) -> None:
        """Start what is due; stop everything when the lease is over. Asks nobody. Call every `TICK_S`."""
        if not self._leader.is_leading:
            self._stop()
            return
        now = now_ms()
        for name, job in self._jobs.items():
            is_asked = name in self._asked
            if name not in self._running and (is_asked or self._next.get(name, now + 1) <= now):
                self._asked.discard(name)
                self._running[name] = self._spawn(self._run, job, is_asked)

    def _run(self, job: Job, is_asked: bool) -> None:
        try:
            self._next[job.name] = perform(job, Work(self._runtime, self._leader, is_asked))
        except NotLeading:
            log.info("job %s stops: another process leads", job.name)
        except Exception as exc:  # noqa: BLE001 - the loop lives; what failed here is the book-keeping
            self._next[job.name] = job.next_at(now_ms())
            log.warning("job %s could not be written down: %s", job.name, exc)
        finally:
            self._running.pop(job.name, None)

    def _plan(self, found: dict[str, states.Schedule]) -> None:
        """Take the schedule over from the leader before; what never ran begins soon, one after the other."""
        now = now_ms()
        for name, job in self._jobs.items():
            known = found[name].next_at if name in found else None
            soon = now + random.randint(0, _FIRST_RUN_WITHIN_MS)
            self._next[name] = soon if known is None else min(known, job.latest_at(now))

    def _stop(self) -> None:
        for name in tuple(self._running):
            self._running.pop(name).kill(block=False)


def perform(job: Job, work: Work) -> int:
    """Run a job once, guarded, and write down how it went; return when it is due again. Raises NotLeading."""
    leader = work.leader
    ticket = offload(states.note_start, leader, job)
    begun = now_ms()
    try:
        done: Done | str = job.run(work)
    except NotLeading:
        raise
    except Exception as exc:
        log.exception("job %s failed", job.name)
        done = f"{type(exc).__name__}: {exc}"
    ended = now_ms()
    next_at = (done.next_at if isinstance(done, Done) else None) or job.next_at(ended)
    offload(states.note_end, leader, job, ticket, done, next_at)
    log.debug("job %s ended after %d ms: %s", job.name, ended - begun, done)
    return next_at
