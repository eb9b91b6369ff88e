"""How each worker is: every worker says so in the database now and then, so that any of them can tell of all."""

import json
import logging
import os
import socket
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from app.background.models import WorkerState
from app.clock import now_ms
from app.db import offload, reading, transaction
from app.runtime import Runtime
from app.upserts import upsert

log = logging.getLogger(__name__)

TELL_S = 5.0
FORGOTTEN_S = 30.0
"""A worker that was silent for so long is taken for dead."""
_KEY = "key_id"

ABOUT_GAUGES = {
    "requests_in_flight": "Requests and live streams in the air, as of the last seconds.",
    "requests_cut": "Requests that a drain has cut since the worker started.",
    "records_lost": "Records dropped because the disk refused them, since the worker started.",
    "records_waiting": "Records that wait in memory because the disk refuses them.",
    "writes_waiting": "Changes that wait for the database.",
}
"""Name of each gauge -> what it is."""


@dataclass(frozen=True, slots=True)
class WorkerView:
    """One worker that was heard of lately. `gauges`: name -> number, as of `seen_at`."""

    worker: str
    started_at: int
    seen_at: int
    gauges: dict[str, int]
    key_id: str | None = None
    """The encryption key that it seals with."""


class Teller:
    """Tells how this worker is."""

    def __init__(self, run: Runtime) -> None:
        self._run = run
        self._worker = f"{socket.gethostname()[:100]}:{os.getpid()}"

    def tell(self) -> None:
        """Write down how this worker is. Call inside an app context."""
        self._run.recorder.beat()
        row = {
            "worker": self._worker,
            "started_at": self._run.started_at,
            "seen_at": now_ms(),
            "gauges": json.dumps({**gauges_of(self._run), _KEY: self._run.vault.current.decode()}),
        }
        offload(_write, row)

    def leave(self) -> None:
        """Take this worker off the list, at its end; without a database it leaves the list by itself."""
        try:
            with transaction() as session:
                session.execute(delete(WorkerState).where(WorkerState.worker == self._worker))
        except SQLAlchemyError as exc:
            log.warning("the list of workers could not be changed: %s", exc)


def gauges_of(run: Runtime) -> dict[str, int]:
    """Return the figures of this process."""
    return {
        "requests_in_flight": len(run.flights),
        "requests_cut": run.flights.cut,
        "records_lost": run.recorder.lost,
        "records_waiting": run.recorder.waiting,
        "writes_waiting": run.commits.waiting,
    }


def workers() -> tuple[WorkerView, ...]:
    """Return every worker that was heard of lately, by name. Call inside an app context."""
    lately = (
        select(WorkerState).where(WorkerState.seen_at > now_ms() - int(FORGOTTEN_S * 1000)).order_by(WorkerState.worker)
    )
    with reading() as session:
        return tuple(
            _view(row.worker, row.started_at, row.seen_at, json.loads(row.gauges))
            for row in session.execute(lately).scalars()
        )


def _view(worker: str, started_at: int, seen_at: int, told: dict[str, Any]) -> WorkerView:
    key_id = told.pop(_KEY, None)
    return WorkerView(worker, started_at, seen_at, told, key_id)


def _write(row: dict[str, object]) -> None:
    with transaction() as session:
        upsert(session, WorkerState, [row], ["worker"])
        session.execute(delete(WorkerState).where(WorkerState.seen_at < now_ms() - int(FORGOTTEN_S * 1000)))
