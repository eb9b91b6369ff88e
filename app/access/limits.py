"""What a client key may use: requests per minute and money per month, counted over all workers.

Each worker admits from memory and tells the others what it admitted about once a second, so a limit may be passed by
what all workers admit within that second; money counts once the record of a request is in the database.
"""

from collections.abc import Callable

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.access.keys import Principal
from app.access.models import KeyMinute
from app.db import reading
from app.errors import TooMany
from app.upserts import add_up

_MINUTE_MS = 60_000
_KEPT_MINUTES = 5

Write = Callable[[Session], None]


class KeyLimits:
    """The counts of this worker, and what is known of the others'.

    `commit(write)` runs a write transaction now or later; `spent(session, at)` gives micro-USD of the month by key id.
    """

    def __init__(self, commit: Callable[[Write], None], spent: Callable[[Session, int], dict[str, int]]) -> None:
        self._commit = commit
        self._read_spent = spent
        self._spent: dict[str, int] = {}
        self._minute = 0
        self._shared: dict[str, int] = {}
        """Requests of the running minute by key, as the database has them."""
        self._own: dict[str, int] = {}
        """Those of this worker that are not in the database yet."""

    def admit(self, principal: Principal, now: int) -> None:
        """Count one request of a key. Raises TooMany when its limit is reached, and counts nothing then."""
        key_id = principal.key_id
        if key_id is None or (principal.requests_per_minute is None and principal.budget_micro_usd is None):
            return
        budget, rate = principal.budget_micro_usd, principal.requests_per_minute
        if budget is not None and self._spent.get(key_id, 0) >= budget:
            raise TooMany(
                f"This client key has used up its budget of ${budget / 1_000_000:.2f} for this month.",
                details={"should_retry": False},
            )
        if rate is None:
            return
        minute = now // _MINUTE_MS
        if minute != self._minute:
            self._minute, self._shared, self._own = minute, {}, {}
        if self._shared.get(key_id, 0) + self._own.get(key_id, 0) >= rate:
            left_s = (_MINUTE_MS - now % _MINUTE_MS) // 1000 + 1
            raise TooMany(f"This client key may send {rate} requests a minute.", retry_after_s=left_s)
        self._own[key_id] = self._own.get(key_id, 0) + 1

    def share(self) -> None:
        """Tell the other workers what was admitted here."""
        own, self._own = self._own, {}
        if not own:
            return
        minute = self._minute
        for key_id, count in own.items():
            self._shared[key_id] = self._shared.get(key_id, 0) + count
        rows = [{"key_id": key_id, "minute": minute, "requests": count} for key_id, count in sorted(own.items())]

        def write(session: Session) -> None:
            add_up(session, KeyMinute, rows, ["key_id", "minute"], {})
            session.execute(delete(KeyMinute).where(KeyMinute.minute < minute - _KEPT_MINUTES))

        self._commit(write)

    def load(self, now: int) -> None:
        """Learn what the other workers admitted and what was spent. Call inside an app context, off the event loop."""
        minute = now // _MINUTE_MS
        with reading() as session:
            found = session.execute(select(KeyMinute.key_id, KeyMinute.requests).where(KeyMinute.minute == minute))
            shared = {key_id: count for key_id, count in found}
            self._spent = self._read_spent(session, now)
        if minute == self._minute:
            for key_id, count in shared.items():
                self._shared[key_id] = max(count, self._shared.get(key_id, 0))
