"""Looks at the database that cost next to nothing: did it change, can it be written?"""

import sqlite3
import threading

from sqlalchemy import text

from app.db import offload, transaction


class ChangeProbe:
    """Tells cheaply whether the database may have changed since the last look; on PostgreSQL it always may have."""

    def __init__(self, url: str) -> None:
        self._path = url.removeprefix("sqlite:///") if url.startswith("sqlite:///") else None
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None

    def may_have_changed(self) -> bool:
        """Look once. One pragma on a connection that takes no lock, so it may run on the event loop."""
        if self._path is None:
            return True
        if self._connection is None:
            self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        changed: bool = version != self._version
        self._version = version
        return changed

    def close(self) -> None:
        """Close the connection; the next look opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def is_writable() -> bool:
    """Whether a write transaction can be had now. Call inside an app context."""
    try:
        with transaction() as session:
            session.execute(text("UPDATE pulse SET beats = beats WHERE topic = 'accounts'"))
    except Exception:  # noqa: BLE001 - whatever the driver raises means no
        return False
    return True


class WriteProbe:
    """Tells whether the database can be written: whoever asks while an attempt is under way shares it.

    An attempt may wait for a lock; many at once would wait on every thread that there is.
    """

    def __init__(self) -> None:
        self._running: _Attempt | None = None

    def is_writable(self) -> bool:
        """Try, or wait for the attempt that runs. Call inside an app context, on the event loop if there is one."""
        running = self._running
        if running is not None:
            running.over.wait()
            return running.succeeded
        attempt = self._running = _Attempt()
        try:
            attempt.succeeded = offload(is_writable)
        finally:
            self._running = None
            attempt.over.set()
        return attempt.succeeded


class _Attempt:
    def __init__(self) -> None:
        self.over = threading.Event()
        self.succeeded = False
