"""The requests that one worker has in the air: who left, who is overdue, and how a worker drains.

One sweep every quarter of a second asks the kernel about all clients at once; a watcher per request would cost
more than the rest of the book-keeping together.
"""

import logging
import select
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

from greenlet import GreenletExit

from app.errors import CcflareError
from app.sockets import native_poll

log = logging.getLogger(__name__)

SWEEP_S = 0.25
_LISTENER_S = 1.5
"""gunicorn's worker looks once a second whether it shall stop; until then connections still come to it."""
_WATCHED = ("/health", "/health/ready")
_GONE = getattr(select, "POLLRDHUP", 0x2000) | select.POLLHUP | select.POLLERR | select.POLLNVAL


class Landed(GreenletExit):
    """Ends a request from outside; `Flight.cause` says why. A GreenletExit, so that the server stays silent."""


class Flight:
    """One request in the air. `cause` is set before it is ended from outside: `client_gone`, `shutdown`."""

    __slots__ = ("announce", "cause", "deadline", "greenlet", "overdue", "sock")

    def __init__(self, greenlet: Any, sock: Any) -> None:
        self.greenlet = greenlet
        self.sock = sock
        self.cause: str | None = None
        self.announce: Callable[[], None] | None = None
        """Called once by the first sweep that finds the request still running."""
        self.deadline = 0.0
        self.overdue: Callable[[], CcflareError] | None = None

    def expect(self, within_s: float, overdue: Callable[[], CcflareError]) -> None:
        """Set when the present wait must be over, and what makes the error that is raised in it when it is not."""
        self.deadline = monotonic() + within_s
        self.overdue = overdue

    def wait_free(self) -> None:
        """Lift the limit: nothing is being waited for."""
        self.deadline = 0.0


class Flights:
    """All flights of one worker."""

    def __init__(self, drain_s: float) -> None:
        self._drain_s = drain_s
        self._flights: set[Flight] = set()
        self._draining_since: float | None = None
        self.is_stopping: Callable[[], bool] = lambda: False
        """Whether the server has told this worker to stop; set by the server's hook."""
        self.close_idle: Callable[[tuple[str, ...]], None] = lambda but: None
        """Close the connections that wait for a next request, save where the last one was for a path of `but`."""
        self.cut = 0

    @property
    def is_draining(self) -> bool:
        """Whether this worker is about to leave."""
        return self._draining_since is not None or self.is_stopping()

    @property
    def is_closed(self) -> bool:
        """Whether this worker takes no new request. Until its listener is closed it does: nobody else may be there."""
        return self._draining_since is not None and monotonic() - self._draining_since > _LISTENER_S

    def __len__(self) -> int:
        return len(self._flights)

    def begin(self, environ: dict[str, Any]) -> Flight:
        """Register the calling greenlet's request."""
        flight = Flight(_current_greenlet(), environ.get("gunicorn.socket"))
        self._flights.add(flight)
        return flight

    def end(self, flight: Flight) -> None:
        """Forget a request; nothing reaches its greenlet any more."""
        # They lead back to who holds the flight: a cycle would keep the request in memory.
        flight.announce = flight.overdue = None
        self._flights.discard(flight)

    def sweep(self) -> None:
        """End the flights whose client left or whose wait is over, and all of them when the drain time is."""
        now = monotonic()
        if self.is_stopping() and self._draining_since is None:
            self._draining_since = now
            if self._flights:
                log.info("draining: %d requests are running, up to %.0f s", len(self._flights), self._drain_s)
        if self._draining_since is not None and now - self._draining_since > self._drain_s and self._flights:
            self.cut += len(self._flights)
            log.warning("drain time is over: %d requests are cut", len(self._flights))
            for flight in tuple(self._flights):
                self._end(flight, "shutdown")
        if self._draining_since is not None:
            # Who watches the readiness may see it turn; everybody else shall connect anew, to another worker.
            self.close_idle(_WATCHED if self._flights else ())
        gone = self._gone()
        for flight in tuple(self._flights):
            if flight.announce is not None:
                flight.announce()
                flight.announce = None
            if flight in gone:
                self._end(flight, "client_gone")
            elif flight.deadline and now > flight.deadline:
                flight.wait_free()
                if flight.overdue is not None:
                    flight.greenlet.kill(flight.overdue(), block=False)

    def _end(self, flight: Flight, cause: str) -> None:
        flight.cause = cause
        self.end(flight)
        flight.greenlet.kill(Landed, block=False)

    def _gone(self) -> set[Flight]:
        """Return the flights whose client has closed its side."""
        by_fd: dict[int, Flight] = {}
        poll = native_poll()
        for flight in self._flights:
            descriptor = flight.sock.fileno() if flight.sock is not None else -1
            if descriptor >= 0:
                by_fd[descriptor] = flight
                poll.register(descriptor, _GONE)
        return {by_fd[fd] for fd, event in poll.poll(0) if event & _GONE} if by_fd else set()


def _current_greenlet() -> Any:
    module = sys.modules.get("gevent")
    return module.getcurrent() if module is not None else None
