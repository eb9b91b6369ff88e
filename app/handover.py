"""A reload: workers that are told to leave serve on until those that replace them are ready."""

import logging
import mmap
import signal
from time import monotonic
from typing import Any

log = logging.getLogger(__name__)

_PLACES = 4096
_LOOK_S = 0.1
_WITHIN_S = 60.0


def prepare(server: Any) -> None:
    """Make the table of workers that start. Call in the master, before there are any."""
    server.starting = mmap.mmap(-1, _PLACES)  # Shared with all that are forked, and a byte is written at once.


def begins(server: Any, worker: Any) -> None:
    """Note that a worker is about to start. Call in the master, before the fork."""
    worker.starting = server.starting
    _mark(worker, 1)


def is_over(worker: Any) -> None:
    """Note that a worker has started, or has ended. Call in the worker or the master."""
    _mark(worker, 0)


def serve_on(worker: Any) -> None:
    """Have this worker obey SIGTERM when no other one is starting any more. Call in the worker.

    gunicorn tells the old workers to leave as soon as the new ones are forked, seconds before these can serve. At a
    stop nobody is starting, and whoever is ends by the same signal: then it is obeyed at once.
    """
    import gevent  # noqa: PLC0415 - the master, which imports this too, is not patched

    def obey() -> None:
        until = monotonic() + _WITHIN_S
        if _is_any_starting(worker):
            log.info("new workers are starting; this one serves on until they are ready")
        while _is_any_starting(worker) and monotonic() < until:
            gevent.sleep(_LOOK_S)
        worker.alive = False

    signal.signal(signal.SIGTERM, lambda number, frame: gevent.spawn(obey))
    signal.siginterrupt(signal.SIGTERM, False)


def _mark(worker: Any, state: int) -> None:
    worker.starting[worker.age % _PLACES] = state


def _is_any_starting(worker: Any) -> bool:
    return b"\1" in worker.starting[:]
