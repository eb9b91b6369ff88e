"""What each worker does beside its requests: notice changes, sweep flights, move its journals."""

import fcntl
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import IO, Any

import gevent
from flask import Flask
from gevent.lock import BoundedSemaphore
from sqlalchemy.exc import SQLAlchemyError

from app import preferences
from app.background.gauges import TELL_S, Teller
from app.background.jobs import JOBS
from app.background.leader import Leader
from app.background.runner import ASK_S, LEAD_S, TICK_S, Runner, Running
from app.clock import now_ms
from app.db import beats, db, inline, offload, reading
from app.flights import SWEEP_S
from app.lines import Lines
from app.probes import ChangeProbe
from app.runtime import Runtime, runtime
from app.usage.ingest import ingest, store_refused
from app.usage.recorder import RecordOptions

log = logging.getLogger(__name__)

_NOTICE_S = 0.2
_INGEST_S = 0.25
_BUSY_BYTES = 65536
"""A journal that grew by more than this since the last look is moved once in `_BUSY_S`: large batches cost less."""
_BUSY_S = 1.0
_ONCE_A_SECOND = 5
"""Turns of the notice between its slower steps."""
_FULL_LOOK_EVERY = 8
"""Turns of the ingester after which it looks even when no journal grew: a worker may have died."""
_SWITCH_S = 0.001
"""How long a busy native thread may keep the interpreter from the event loop."""
_SETTLE_S = 10.0
_OVER_S = 3.0


def start(app: Flask) -> None:
    """Start the greenlets of this worker. Call once, in a process that serves."""
    with app.app_context():
        run = runtime()
        notice = Notice(run)
        ingester = Ingester(run.journal_dir)
        teller = Teller(run)
    sys.setswitchinterval(_SWITCH_S)
    gevent.spawn(_forever, app, "sweep", SWEEP_S, run.flights.sweep)
    gevent.spawn(_forever, app, "notice", _NOTICE_S, notice.look)
    gevent.spawn(_forever, app, "ingest", _INGEST_S, ingester.work)
    gevent.spawn(_forever, app, "gauges", TELL_S, teller.tell)
    app.extensions["ccflare_notice"] = notice
    app.extensions["ccflare_ingester"] = ingester
    app.extensions["ccflare_teller"] = teller
    jobs = Runner(run, Leader(), JOBS, partial(_spawn, app))
    gevent.spawn(_forever, app, "leadership", LEAD_S, jobs.lead)
    gevent.spawn(_forever, app, "jobs", TICK_S, jobs.tick)
    gevent.spawn(_forever, app, "requests for jobs", ASK_S, jobs.ask)
    app.extensions["ccflare_jobs"] = jobs


def attach_server(app: Flask, worker: Any) -> None:
    """Let gunicorn's worker say when it must stop, and its idle connections be closed then."""
    lines = Lines()
    lines.attach(worker)
    with app.app_context():
        flights = runtime().flights
    flights.is_stopping = lambda: not worker.alive
    flights.close_idle = lines.close_idle


def stop(app: Flask) -> None:
    """Write what is still in memory, when the worker has served its last request."""
    with app.app_context():
        run = runtime()
        refused = run.recorder.close()
        teller: Teller | None = app.extensions.get("ccflare_teller")
        if teller is not None:
            teller.leave()
        jobs: Runner | None = app.extensions.get("ccflare_jobs")
        if jobs is not None:
            jobs.close()
        if not run.credentials.settle(_SETTLE_S):
            log.warning("a token refresh did not end in time; what it rotated is on disk if it was answered")
        run.commits.finish()
        ingester: Ingester | None = app.extensions.get("ccflare_ingester")
        if ingester is not None:
            ingester.finish()
        if refused:
            inline(partial(store_refused, refused, run.recorder.worker))
        notice: Notice | None = app.extensions.get("ccflare_notice")
        if notice is not None:
            notice.close()
        db.engine.dispose()  # Whoever closes the last connection to SQLite leaves one whole file behind.


def _spawn(app: Flask, function: Callable[..., None], *args: object) -> Running:
    """Start a function inside an app context beside the caller."""

    def inside() -> None:
        with app.app_context():
            function(*args)

    running: Running = gevent.spawn(inside)
    return running


def _forever(app: Flask, name: str, every_s: float, step: Callable[[], None]) -> None:
    """Repeat a step for the life of the worker; the loop lives through its failures."""
    failing = Failing(name)
    while True:
        gevent.sleep(every_s)
        try:
            with app.app_context():
                step()
            failing.ended()
        except Exception as exc:  # noqa: BLE001 - the loop outlives every failure of a step
            failing.failed(exc)


class Failing:
    """Tells of a step that fails time and again: once when that begins, once when it is over, and when it changes.

    A database that goes away and comes back fails in many ways, which all count as one. A turn that found nothing to do
    proves little: it is over when none has failed for a while.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._last = ""
        self._failed_at = 0.0

    def failed(self, exc: Exception) -> None:
        """Note that the step failed."""
        is_database = isinstance(exc, SQLAlchemyError)
        fault = getattr(exc, "orig", None) or exc if is_database else exc
        text = f"{type(fault).__name__}: {fault}"
        kind = "database" if is_database else text
        if kind != self._last:
            log.warning("%s failed and will be tried again: %s", self._name, text)
        self._last, self._failed_at = kind, monotonic()

    def ended(self) -> None:
        """Note that the step came to its end."""
        if self._last and monotonic() - self._failed_at > _OVER_S:
            log.warning("%s works again", self._name)
            self._last = ""


class Notice:
    """Polls the pulse and reloads what other processes changed."""

    def __init__(self, run: Runtime) -> None:
        self._run = run
        self._probe = ChangeProbe(run.settings.database_url)
        self._is_behind = True
        """Whether a look that found a change did not come to its end."""
        self._seen: dict[str, int] = {}
        self._key_ids = run.vault.key_ids
        self._turn = 0

    def close(self) -> None:
        """Let go of the database."""
        self._probe.close()

    def look(self) -> None:
        """Look once; also retry what could not be committed."""
        run = self._run
        run.recorder.flush()
        if run.commits.waiting:
            run.commits.retry()
        self._turn += 1
        if self._turn % _ONCE_A_SECOND == 0:
            self._follow_keyring()
            run.pool.flush_windows()
            run.limits.share()
            if run.keys.has_limits:
                offload(run.limits.load, now_ms())
        if not self._probe.may_have_changed() and not self._is_behind:
            return
        self._is_behind = True
        now = offload(_beats)
        if now == self._seen:
            self._is_behind = False
            return
        changed = {topic for topic, count in now.items() if self._seen.get(topic) != count}
        if "accounts" in changed:
            run.pool.load()
        if "keys" in changed:
            offload(run.keys.load)
            if run.keys.has_limits:
                offload(run.limits.load, now_ms())
        if "pins" in changed:
            offload(run.pins.load)
        if "preferences" in changed:
            self._adopt(offload(preferences.stored))
        self._seen, self._is_behind = now, False

    def _follow_keyring(self) -> None:
        """Look for other keys also while nothing is sealed; what they open is read anew."""
        vault = self._run.vault
        vault.look()
        if vault.key_ids != self._key_ids:
            self._run.pool.load()
            self._key_ids = vault.key_ids

    def _adopt(self, stored: dict[str, str]) -> None:
        run = self._run
        run.settings = run.settings.with_stored(stored)
        run.recorder.options = RecordOptions(run.settings.store_payloads, run.settings.payload_max_bytes)


def _beats() -> dict[str, int]:
    with reading() as session:
        return beats(session)


def _sizes(directory: Path) -> dict[str, int]:
    """Return the size of each file; one that is renamed or removed meanwhile is left out."""
    sizes = {}
    for entry in os.scandir(directory):
        with suppress(FileNotFoundError):
            sizes[entry.name] = entry.stat().st_size
    return sizes


class Ingester:
    """Moves journals into the database, in the one process per data directory that holds the lock."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock: IO[str] | None = None
        self._turning = BoundedSemaphore()
        self._is_over = False
        self._sizes: dict[str, int] = {}
        self._turn = 0
        self._moved_at = 0.0

    def work(self) -> None:
        """Ingest once, if this worker is or becomes the one that does."""
        if self._is_over or not self._holds():
            return
        self._turn += 1
        sizes = _sizes(self._directory)
        grown = sum(size - self._sizes.get(name, 0) for name, size in sizes.items())
        if grown > _BUSY_BYTES and monotonic() - self._moved_at < _BUSY_S:
            return
        if sizes != self._sizes or self._turn % _FULL_LOOK_EVERY == 0:
            self._moved_at = monotonic()
            with self._turning:
                ingest(self._directory)
            self._sizes = sizes

    def finish(self) -> None:
        """Ingest what is left, after the turn under way; then let another worker go on."""
        self._is_over = True
        if self._holds():
            if not self._turning.acquire(timeout=_SETTLE_S):
                log.warning("journals stay for the next start: the database has not answered for %.0f s", _SETTLE_S)
                return  # The lock goes with the process.
            try:
                inline(partial(ingest, self._directory))
            except Exception as exc:  # noqa: BLE001 - a stop must not fail on the database
                log.warning("journals stay for the next start: %s", exc)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _holds(self) -> bool:
        if self._lock is not None:
            return True
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = open(self._directory / "ingest.lock", "w")  # noqa: SIM115 - held for the life of the process
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            return False
        self._lock = handle
        return True
