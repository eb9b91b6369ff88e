"""Records of requests as the journal holds them, and recounts of what they add up to."""

import random
from collections import Counter
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import reading, transaction
from app.usage import histogram
from app.usage.journal import Entry
from app.usage.models import ClientSession, Facet, Request, Rollup, SessionPart
from app.usage.recorder import END, START
from app.usage.rollup import KEY, NEEDED, SUMS, TIMED
from app.usage.spans import SPANS
from app.usage.storing import store
from app.values import new_request_id

NOW = 1_790_000_040_000
"""A time on a whole minute."""

MODELS = ("claude-opus-4-5", "claude-sonnet-4-5", "nobody-knows-1")
KEYS = (None, "aaaaaaaa", "bbbbbbbb")
OUTCOMES = ("complete", "complete", "complete", "client_gone", "upstream_broke", "refused", "cut_by_shutdown")
STATUSES = (200, 200, 200, 429, 529, 400, None)


def end(at: int, **changes: Any) -> dict[str, Any]:
    """Return the head of a final record of a served request that began at a time."""
    head: dict[str, Any] = {
        "kind": END,
        "id": new_request_id(at),
        "started_at": at,
        "first_byte_at": at + 200,
        "first_token_at": at + 300,
        "last_token_at": at + 2300,
        "ended_at": at + 2400,
        "key_id": None,
        "session_id": None,
        "agent_id": None,
        "parent_agent_id": None,
        "method": "POST",
        "path": "/v1/messages",
        "model": "claude-sonnet-4-5",
        "model_served": "claude-sonnet-4-5",
        "stream": True,
        "strategy": "session",
        "why": "it holds the session",
        "account_id": 1,
        "account_name": "work",
        "provider": "console",
        "status": 200,
        "outcome": "complete",
        "error": None,
        "attempts": [],
        "request_bytes": 1000,
        "answer_bytes": 2000,
        "upstream_request_id": None,
        "user_agent": "test",
        "tokens": [100, 50, 1000, 200, 0, 0],
    }
    return head | changes


def start(head: dict[str, Any]) -> dict[str, Any]:
    """Return the record of the same request's start."""
    names = ("id", "started_at", "method", "path", "model", "stream", "session_id", "agent_id", "key_id")
    return {"kind": START, "worker": "1-abc", **{name: head[name] for name in names}}


def attempt(account_id: int = 1, reason: str = "served", status: int | None = 200) -> dict[str, Any]:
    """Return one attempt of a final record."""
    return {
        "account_id": account_id,
        "account_name": f"account-{account_id}",
        "status": status,
        "reason": reason,
        "detail": None,
        "started_at": NOW,
        "ended_at": NOW + 5,
        "cooldown_until": None,
    }


def anything(rng: random.Random, at: int) -> dict[str, Any]:
    """Return a final record with random content."""
    tokens = [rng.choice((None, 0, rng.randint(1, 50_000))) for _ in range(5)] + [rng.choice((None, 0, 3))]
    account = rng.choice((None, 1, 2, 3))
    session = rng.choice((None, "s-1", "s-2", "s-3"))
    return end(
        at,
        first_byte_at=rng.choice((None, at + rng.randint(0, 5000))),
        first_token_at=rng.choice((None, at + rng.randint(0, 5000))),
        last_token_at=rng.choice((None, at + rng.randint(5001, 90_000))),
        ended_at=at + rng.randint(0, 400_000),
        key_id=rng.choice(KEYS),
        session_id=session,
        agent_id=rng.choice((None, "agent-1", "agent-2")) if session else None,
        model=rng.choice(MODELS),
        model_served=rng.choice((None, *MODELS)),
        stream=rng.random() < 0.5,
        account_id=account,
        account_name=None if account is None else f"account-{account}",
        status=rng.choice(STATUSES),
        outcome=rng.choice(OUTCOMES),
        error=rng.choice((None, "overloaded_error: Überlastet")),
        attempts=[attempt(one) for one in range(1, rng.randint(1, 4))],
        is_synthetic=rng.random() < 0.1,
        tokens=rng.choice(([], tokens)),
    )


def put(*heads: dict[str, Any], blob: bytes = b"") -> None:
    """Store records as the ingester does; each call is one batch."""
    with transaction() as session:
        store(session, [Entry(dict(head), blob, 0) for head in heads])


def rollups(session: Session) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Return what the rollups hold, without those that add up to nothing."""
    table = Rollup.__table__
    found = {}
    for row in session.execute(select(*(table.c[name] for name in (*KEY, *SUMS, *TIMED)))):
        sums = tuple(row[len(KEY) : len(KEY) + len(SUMS)])
        timed = tuple(tuple(sorted(histogram.unpack(blob).items())) for blob in row[-len(TIMED) :])
        if any(sums):
            found[tuple(row[: len(KEY)])] = (sums, timed)
    return found


def recount(session: Session, spans: tuple[int, ...] = SPANS) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Return what the rollups should hold, counted from the rows in another way than the product does."""
    sums: dict[tuple[Any, ...], Counter[str]] = {}
    timed: dict[tuple[Any, ...], tuple[Counter[int], ...]] = {}
    table = Request.__table__
    for row in session.execute(select(*(table.c[name] for name in NEEDED)).where(Request.outcome.is_not(None))):
        for span in spans:
            place = (span, row.started_at // span * span, row.account_id or 0, row.model_used or "", row.key_id or "")
            _count(sums.setdefault(place, Counter()), row)
            counters = timed.setdefault(place, tuple(Counter() for _ in TIMED))
            times = (row.ended_at if row.worker is None else None, row.first_byte_at, row.first_token_at)
            for counter, at in zip(counters, times):
                if at is not None:
                    counter[histogram.bucket_of(at - row.started_at)] += 1
            if row.tokens_per_s is not None:
                counters[3][histogram.bucket_of(round(row.tokens_per_s))] += 1
    return {
        place: (tuple(held[name] for name in SUMS), tuple(tuple(sorted(one.items())) for one in timed[place]))
        for place, held in sums.items()
    }


def _count(held: Counter[str], row: Any) -> None:
    held["requests"] += 1
    held["succeeded"] += row.outcome == "complete" and row.status is not None and row.status < 400
    if row.outcome != "complete":
        held[row.outcome] += 1
    if row.status is not None and row.status // 100 in (2, 3, 4, 5):
        held[f"status_{row.status // 100}xx"] += 1
    held["status_429"] += row.status == 429
    held["streams"] += bool(row.stream)
    held["synthetic"] += bool(row.is_synthetic)
    held["attempts"] += row.attempts
    held["failovers"] += row.attempts > 1
    classes = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
    is_metered = any(getattr(row, f"{name}_tokens") is not None for name in classes)
    held["metered"] += is_metered
    held["web_searches"] += row.web_searches or 0
    held["priced"] += row.cost is not None
    held["unpriced"] += is_metered and row.cost is None
    held["cost"] += row.cost or 0
    for name in classes:
        held[f"{name}_known"] += getattr(row, f"{name}_tokens") is not None
        held[f"{name}_tokens"] += getattr(row, f"{name}_tokens") or 0
        held[f"{name}_cost"] += (getattr(row, f"{name}_cost") or 0) if row.cost is not None else 0
    held["web_search_cost"] += (row.web_search_cost or 0) if row.cost is not None else 0
    for count, total, at in (
        ("timed", "duration_ms", row.ended_at if row.worker is None else None),
        ("first_byte_timed", "first_byte_ms", row.first_byte_at),
        ("first_token_timed", "first_token_ms", row.first_token_at),
    ):
        held[count] += at is not None
        held[total] += 0 if at is None else at - row.started_at
    held["speed_timed"] += row.tokens_per_s is not None
    held["speed_milli"] += 0 if row.tokens_per_s is None else round(row.tokens_per_s * 1000)


def check_sums() -> None:
    """Hold every sum against a recount of the rows."""
    with reading() as session:
        assert rollups(session) == recount(session)
        rows = session.execute(select(Request).where(Request.outcome.is_not(None))).scalars().all()
        by_session = Counter(row.session_id for row in rows if row.session_id)
        costs: Counter[str] = Counter()
        parts: Counter[tuple[str, str, str]] = Counter()
        priced: Counter[tuple[str, str, str]] = Counter()
        facets: Counter[tuple[str, str]] = Counter()
        for row in rows:
            values = {"account": row.account_id, "model": row.model_used, "key": row.key_id, "agent": row.agent_id}
            known = [(kind, str(value)) for kind, value in values.items() if value is not None]
            facets.update(known)
            if row.session_id:
                costs[row.session_id] += row.cost or 0
                parts.update((row.session_id, *one) for one in known)
                priced.update((row.session_id, *one) for one in known if row.cost is not None)
        sessions = session.execute(select(ClientSession)).scalars().all()
        assert {one.id: one.requests for one in sessions if one.requests} == by_session
        assert {one.id: one.cost for one in sessions if one.cost} == +costs
        held = session.execute(select(SessionPart)).scalars().all()
        assert {(one.session_id, one.kind, one.value): one.requests for one in held if one.requests} == parts
        assert {(one.session_id, one.kind, one.value): one.priced for one in held if one.priced} == priced
        kept = session.execute(select(Facet).where(Facet.kind.not_in(("status", "outcome")))).scalars().all()
        assert {(one.kind, one.value): one.requests for one in kept if one.requests} == facets
