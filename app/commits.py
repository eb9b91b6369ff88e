"""Write transactions that nobody may lose: tried at once, waited for a moment, repeated until they are in."""

import logging
from collections import deque
from collections.abc import Callable

from flask import Flask
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.db import is_cooperative, offload, transaction

log = logging.getLogger(__name__)

_WAIT_S = 0.25
_BACKLOG = 10_000

Write = Callable[[Session], None]


class Commits:
    """The writes of one process that must not wait for a database that is locked or away.

    `commit` returns when the write is in, or after `_WAIT_S`: the caller then goes on and the write follows.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._failed: deque[Write] = deque(maxlen=_BACKLOG)
        self._is_behind = False

    @property
    def waiting(self) -> int:
        """How many writes failed and wait for the next `retry`."""
        return len(self._failed)

    def commit(self, write: Write) -> None:
        """Run `write` in a transaction now if possible, else later; in the order of the calls when all goes well."""
        if not is_cooperative():
            self._attempt(write)
            return
        import gevent  # noqa: PLC0415 - the command line does without it

        gevent.spawn(self._attempt, write).join(timeout=_WAIT_S)

    def retry(self) -> None:
        """Try the failed writes again, oldest first, until one fails again."""
        while self._failed:
            write = self._failed.popleft()
            if not self._attempt(write, again=True):
                return
        if self._is_behind:
            log.warning("the database takes changes again; none waits any more")
            self._is_behind = False

    def _attempt(self, write: Write, again: bool = False) -> bool:
        try:
            with self._app.app_context():
                offload(_run, write)
        except SQLAlchemyError as exc:
            if isinstance(exc, IntegrityError) and "foreign key" in str(exc.orig).lower():
                # The account that it is about is gone: it would fail for ever, and hold up all others.
                log.info("a change is dropped: %s", exc.orig)
                return True
            if not self._is_behind:  # Told once: until it is over, every change fails alike.
                fault = getattr(exc, "orig", None) or exc
                log.warning("a change is not in the database yet and will be tried again: %s", fault)
            self._is_behind = True
            if again:
                self._failed.appendleft(write)
            else:
                self._failed.append(write)
            return False
        return True


def _run(write: Write) -> None:
    with transaction() as session:
        write(session)
