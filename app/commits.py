"""Write transactions that nobody may lose: tried at once, waited for a moment, repeated until they are in."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from flask import Flask
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.db import inline, is_away, is_cooperative, offload, transaction

log = logging.getLogger(__name__)

_WAIT_S = 0.25
_FINISH_S = 5.0
_BACKLOG = 10_000
_REFUSED_FOR_S = 600.0
"""How long a write is tried again that the database refuses for what is in it, or for what the database has become."""

Write = Callable[[Session], None]


def _nothing() -> None:
    """Nothing is to be done."""


@dataclass(frozen=True, slots=True)
class _Change:
    write: Write
    dropped: Callable[[], None]
    begun: float


class Commits:
    """The writes of one process that must not wait for a database that is locked or away.

    `commit` returns when the write is in, or after `_WAIT_S`: the caller then goes on and the write follows. A write
    that is tried again may come after newer ones, and must not undo them.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._failed: deque[_Change] = deque()
        self._running: set[Any] = set()
        self._overflowed = 0
        self._is_behind = False

    @property
    def waiting(self) -> int:
        """How many writes failed and wait for the next `retry`."""
        return len(self._failed)

    def commit(self, write: Write, dropped: Callable[[], None] = _nothing) -> None:
        """Run `write` in a transaction now if possible, else later; in the order of the calls when all goes well.

        `dropped` is called when the write will never be in: the database refuses it, or too many wait.
        """
        change = _Change(write, dropped, monotonic())
        if not is_cooperative():
            self._attempt(change)
            return
        import gevent  # noqa: PLC0415 - the command line does without it

        running = gevent.spawn(self._attempt, change)
        self._running.add(running)
        running.link(self._running.discard)
        running.join(timeout=_WAIT_S)

    def retry(self) -> None:
        """Try the failed writes again, oldest first, until the database is away again."""
        for _ in range(len(self._failed)):
            if not self._attempt(self._failed.popleft(), again=True):
                return
        if self._overflowed:
            log.warning("%d changes were dropped in all while the database was away", self._overflowed)
            self._overflowed = 0
        if self._is_behind and not self._failed:
            log.warning("the database takes changes again; none waits any more")
            self._is_behind = False

    def finish(self) -> None:
        """Wait for the writes that run, and try those that wait a last time: the process is about to end."""
        if self._running:
            import gevent  # noqa: PLC0415 - nothing runs without it

            gevent.joinall(tuple(self._running), timeout=_FINISH_S)
        inline(self.retry)
        if self._failed:
            log.error("%d changes are lost: the database did not take them before the end", len(self._failed))

    def _attempt(self, change: _Change, again: bool = False) -> bool:
        """Run a write; return whether the next one may be tried."""
        try:
            with self._app.app_context():
                offload(_run, change.write)
        except (SQLAlchemyError, ValueError) as exc:
            fault = getattr(exc, "orig", None) or exc
            is_about_nothing = isinstance(exc, IntegrityError) and "foreign key" in str(fault).lower()
            is_wrong = isinstance(exc, (DataError, ValueError)) or monotonic() - change.begun > _REFUSED_FOR_S
            if is_about_nothing or (is_wrong and not is_away(exc)):
                log.log(logging.INFO if is_about_nothing else logging.ERROR, "a change is dropped: %s", fault)
                change.dropped()
                return True
            if not self._is_behind:  # Told once: until it is over, every change fails alike.
                log.warning("a change is not in the database yet and will be tried again: %s", fault)
            self._is_behind = True
            self._keep(change, again and is_away(exc))
            return not is_away(exc)  # One that is refused for itself holds up no other.
        return True

    def _keep(self, change: _Change, is_next: bool) -> None:
        if is_next:
            self._failed.appendleft(change)
        else:
            self._failed.append(change)
        if len(self._failed) > _BACKLOG:
            if not self._overflowed:
                log.error("more than %d changes wait for the database; the oldest ones are dropped", _BACKLOG)
            self._overflowed += 1
            self._failed.popleft().dropped()


def _run(write: Write) -> None:
    with transaction() as session:
        write(session)
