"""Where client sessions stay under `session-affinity`: remembered here, true in the database, shared by all workers."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from operator import itemgetter

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.accounts.models import SessionPin
from app.db import beat, offload_briefly, reading
from app.upserts import upsert

log = logging.getLogger(__name__)

_READ_WITHIN_S = 0.25
_REMEMBERED = 20_000
_TOUCH_MS = 60_000


class Pins:
    """The pins as this process knows them. `commit(write)` runs a write transaction, now or later."""

    def __init__(self, commit: Callable[[Callable[[Session], None]], None]) -> None:
        self._commit = commit
        self._known: OrderedDict[str, tuple[int, int]] = OrderedDict()
        """Client session -> (account, last use in the database)."""
        self._read_until = 0
        self._is_failing = False

    def find(self, session_id: str, now: int, duration_ms: int) -> int | None:
        """Return the account that a client session is pinned to, unless it was idle for too long.

        Asks the database for sessions that this process has not seen for so long; when it does not answer soon, the
        session counts as new. Call inside an app context.
        """
        known = self._known.get(session_id)
        if known is None or known[1] + duration_ms <= now:
            known = self._ask(session_id)
            if known is not None:
                self._remember(session_id, *known)
        if known is None or known[1] + duration_ms <= now:
            return None
        return known[0]

    def pin(self, session_id: str, account_id: int, at: int) -> None:
        """Let a client session stay on an account from now on."""
        self._remember(session_id, account_id, at)
        self._write(session_id, account_id, at, moved=True)

    def touch(self, session_id: str, account_id: int, at: int) -> None:
        """Note that a pinned session is in use; written at most once a minute."""
        known = self._known.get(session_id)
        if known is not None and at - known[1] < _TOUCH_MS:
            self._known.move_to_end(session_id)
            return
        self._remember(session_id, account_id, at)
        self._write(session_id, account_id, at, moved=False)

    def load(self) -> None:
        """Adopt the pins that other workers moved since the last call. Call inside an app context, off the loop."""
        with reading() as session:
            rows = session.execute(
                select(SessionPin.session_id, SessionPin.account_id, SessionPin.used_at).where(
                    SessionPin.used_at >= self._read_until - _TOUCH_MS
                )
            ).all()
        for session_id, account_id, used_at in rows:
            known = self._known.get(session_id)
            if known is not None and used_at >= known[1]:
                self._known[session_id] = (account_id, used_at)
            self._read_until = max(self._read_until, used_at)

    def _ask(self, session_id: str) -> tuple[int, int] | None:
        try:
            known = offload_briefly(_read, session_id, within_s=_READ_WITHIN_S)
        except (SQLAlchemyError, TimeoutError, ValueError) as exc:
            if not self._is_failing:
                fault = getattr(exc, "orig", None) or exc
                log.warning("a client session counts as new, its pin cannot be read: %r", fault)
            self._is_failing = True
            return None
        self._is_failing = False
        return known

    def _remember(self, session_id: str, account_id: int, at: int) -> None:
        self._known[session_id] = (account_id, at)
        self._known.move_to_end(session_id)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _write(self, session_id: str, account_id: int, at: int, *, moved: bool) -> None:
        def write(session: Session) -> None:
            # A write that had to wait stores what is known by then, lest it undo a newer one.
            newer, used_at = max((account_id, at), self._known.get(session_id, (account_id, at)), key=itemgetter(1))
            row = {"session_id": session_id, "account_id": newer, "used_at": used_at}
            upsert(session, SessionPin, [row], ["session_id"])
            if moved:
                beat(session, "pins")

        self._commit(write)


def _read(session_id: str) -> tuple[int, int] | None:
    with reading() as session:
        row = session.get(SessionPin, session_id)
        return (row.account_id, row.used_at) if row is not None else None
