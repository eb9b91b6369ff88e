"""Looks at the database that cost next to nothing: did it change, can it be written?"""

import sqlite3

from sqlalchemy import text

from app.db import transaction


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


def is_writable() -> bool:
    """Whether a write transaction can be had now. Call inside an app context."""
    try:
        with transaction() as session:
            session.execute(text("UPDATE pulse SET beats = beats WHERE topic = 'accounts'"))
    except Exception:  # noqa: BLE001 - whatever the driver raises means no
        return False
    return True
