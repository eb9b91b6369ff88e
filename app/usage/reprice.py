"""Compute costs anew, with today's table and the operator's prices; every sum follows. Interrupted, it goes on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from app.audit import Actor, note
from app.clock import now_ms
from app.db import reading, transaction, upsert
from app.usage.ingest import COSTS, TOKENS, cost_columns
from app.usage.ledger import Ledger
from app.usage.models import Mark, Request
from app.usage.prices import overrides
from app.usage.pricing import Rates, price
from app.usage.rollup import NEEDED
from app.values import Tokens, first_id

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Repriced:
    """How far it has come. `before` and `after`: the known cost, in micro-USD, of the requests seen by now.

    `share`: of the ids to look at (0-1). `is_done`: there are no more.
    """

    seen: int
    changed: int
    before_micro_usd: int
    after_micro_usd: int
    share: float
    is_done: bool


def reprice(actor: Actor, since: int | None = None, restart: bool = False) -> Iterator[Repriced]:
    """Price every request since a time anew, in short transactions; yield after each.

    It begins where an earlier run over the same requests was interrupted, unless `restart`. A cost that the tokens'
    prices no longer give becomes unknown. Call inside an app context, off the event loop.
    """
    name = f"reprice since {since or 0}"
    with transaction() as session:
        note(session, actor, "prices.reprice", None, name)
    with reading() as session:
        mark = None if restart else session.get(Mark, name)
        newest = session.execute(select(Request.id).order_by(Request.id.desc()).limit(1)).scalar() or 0
    first = 0 if since is None else first_id(since)
    at = first - 1 if mark is None else mark.position
    done = Repriced(0, 0, 0, 0, 0.0, False)
    while not done.is_done:
        with transaction() as session:
            rows = _rows(session, at, newest)
            done = _batch(session, rows, done)
            if rows:
                at = rows[-1]["id"]
                upsert(session, Mark, [{"name": name, "position": at, "changed_at": now_ms()}], ["name"])
            else:
                session.execute(delete(Mark).where(Mark.name == name))
        share = 1.0 if not rows else (at - first) / max(1, newest - first)
        done = Repriced(done.seen, done.changed, done.before_micro_usd, done.after_micro_usd, min(1.0, share), not rows)
        yield done


def _rows(session: Session, above: int, newest: int) -> list[Mapping[str, Any]]:
    columns = [Request.__table__.c[name] for name in dict.fromkeys((*NEEDED, *COSTS))]
    following = select(*columns).where(Request.id > above, Request.id <= newest).order_by(Request.id).limit(_BATCH)
    return [dict(row) for row in session.connection().execute(following.with_for_update()).mappings()]


def _batch(session: Session, rows: list[Mapping[str, Any]], done: Repriced) -> Repriced:
    prices = overrides(session)
    ledger = Ledger()
    changes: list[dict[str, Any]] = []
    before = after = 0
    for row in rows:
        fresh = dict(row) | _priced(row, prices)
        before += row["cost"] or 0
        after += fresh["cost"] or 0
        if row["outcome"] is None or all(row[name] == fresh[name] for name in COSTS):
            continue
        ledger.count(row, -1)
        ledger.count(fresh)
        changes.append({"of_id": row["id"]} | {name: fresh[name] for name in COSTS})
    if changes:
        session.connection().execute(_CHANGE, changes)
        ledger.write(session, only_existing=True)
    return Repriced(
        done.seen + len(rows),
        done.changed + len(changes),
        done.before_micro_usd + before,
        done.after_micro_usd + after,
        done.share,
        False,
    )


def _priced(row: Mapping[str, Any], prices: Mapping[str, Rates]) -> dict[str, Any]:
    nothing: dict[str, Any] = dict.fromkeys(COSTS)
    tokens = Tokens(*(row[name] for name in TOKENS))
    if not row["model_used"] or not tokens.is_known:
        return nothing
    return nothing | cost_columns(price(row["model_used"], tokens, row["started_at"], overrides=prices))


_CHANGE = (
    update(Request.__table__)  # type: ignore[arg-type]
    .where(Request.__table__.c.id == bindparam("of_id"))
    .values({name: bindparam(name) for name in COSTS})
)
