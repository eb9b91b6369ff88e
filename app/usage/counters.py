"""What all requests add up to by account and model, for those who count over time."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, select

from app.db import reading
from app.usage.models import Rollup
from app.usage.rollup import SUMS
from app.usage.rows import account_labels
from app.usage.spans import WEEK_MS


@dataclass(frozen=True, slots=True)
class Counted:
    """The ended requests of one account and model since records are kept. `sums`: by the names of `rollup.SUMS`."""

    account: str
    model: str
    sums: dict[str, int]


def counted() -> tuple[Counted, ...]:
    """Return the sums by account and model; what is not known is an empty name. Call off the event loop."""
    summed = [func.sum(getattr(Rollup, name)) for name in SUMS]
    statement = select(Rollup.account_id, Rollup.model, *summed).where(Rollup.span_ms == WEEK_MS)
    held: dict[tuple[str, str], Counter[str]] = {}
    with reading() as session:
        names = account_labels(session)
        for account_id, model, *sums in session.execute(statement.group_by(Rollup.account_id, Rollup.model)):
            # An account may have been deleted and added again under its name.
            place = (names.get(str(account_id), str(account_id or "")), model)
            held.setdefault(place, Counter()).update(dict(zip(SUMS, map(int, sums))))
    return tuple(Counted(account, model, dict(sums)) for (account, model), sums in sorted(held.items()))
