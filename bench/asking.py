"""What pages ask: every list, filter, detail and figure, each with several values."""

import random
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import select

from app.clock import now_ms
from app.db import reading
from app.runtime import runtime
from app.usage import analytics, money, queries, stats
from app.usage.analytics import Narrow
from app.usage.bodies import payload
from app.usage.conversation import Conversation, read_conversation
from app.usage.export import export
from app.usage.models import ClientSession, Payload, Request
from app.usage.queries import list_requests, request_detail
from app.usage.search import Filter
from app.usage.sessions import SessionFilter, dearest_sessions, list_sessions, session_detail
from app.usage.spans import DAY_MS, HOUR_MS, RANGES, between, last
from app.usage.sums import METRICS
from app.values import id_text
from app.vault import Vault
from bench.filling import ACCOUNTS, MODELS

Ask = Callable[[], object]


def asks(rng: random.Random) -> dict[str, list[Ask]]:
    """Return name -> the same question with several values. Call inside an app context on a filled database."""
    with reading() as session:
        oldest = session.execute(select(Request.id).order_by(Request.id).limit(1)).scalar_one()
        newest = session.execute(select(Request.id).order_by(Request.id.desc()).limit(1)).scalar_one()
        marks = [rng.randrange(oldest, newest) for _ in range(12)]
        near = [
            session.execute(select(Request).where(Request.id >= mark).order_by(Request.id).limit(1)).scalar_one()
            for mark in marks
        ]
        bodies = list(session.execute(select(Payload.request_id).limit(12)).scalars())
        busy = select(ClientSession.id).order_by(ClientSession.last_at.desc()).limit(12)
        sessions = list(session.execute(busy).scalars())
    found = _lists(marks, near) | _sessions(sessions, near) | _details(near, bodies)
    return (
        found
        | _figures()
        | _money()
        | {"export: the next 1000 as CSV": [lambda: list(islice(export(Filter(), "csv"), 2))]}
    )


def _lists(marks: list[int], near: list[Request]) -> dict[str, list[Ask]]:
    now = now_ms()
    agents = [row.agent_id for row in near if row.agent_id] or ["agent-1-1"]
    sessions = [row.session_id or "" for row in near]

    def each(**changes: Any) -> list[Ask]:
        wanted = Filter(**changes)
        return [lambda: list_requests(wanted), *(partial(list_requests, wanted, mark) for mark in marks[:5])]

    return {
        "list: newest": [lambda: list_requests(Filter())],
        "list: anywhere, 50": [partial(list_requests, Filter(), mark) for mark in marks],
        "list: anywhere, 1000": [partial(list_requests, Filter(), mark, 1000) for mark in marks],
        "list: an account": [ask for one in (1, 4) for ask in each(accounts=(one,))],
        "list: three accounts": each(accounts=(2, 3, 6)),
        "list: a model": [ask for one in MODELS for ask in each(models=(one,))],
        "list: a key": each(keys=("key00003",)),
        "list: status 529": each(statuses=(529,)),
        "list: status 429 of an account": each(statuses=(429,), accounts=(4,)),
        "list: failed": each(failed=True),
        "list: outcome upstream_broke": each(outcomes=("upstream_broke",)),
        "list: running (none)": each(outcomes=("running",)),
        "list: last hour": [lambda: list_requests(Filter(start=now - HOUR_MS))],
        "list: one day, account and model": [
            partial(list_requests, Filter(at, at + DAY_MS, accounts=(2,), models=(MODELS[2],)))
            for at in range(now - 9 * DAY_MS, now - DAY_MS, DAY_MS)
        ],
        "list: account, model and key": each(accounts=(3,), models=(MODELS[1],), keys=("key00001",)),
        "list: account that never had the model (nothing)": each(accounts=(1,), models=("gpt-5",)),
        "list: synthetic (nothing)": each(synthetic=True),
        "list: of a session": [partial(list_requests, Filter(session_id=row.session_id)) for row in near],
        "list: of an agent": [partial(list_requests, Filter(agent_id=one)) for one in agents],
        "list: own id": [partial(list_requests, Filter(text=id_text(row.id))) for row in near],
        "list: upstream's id": [partial(list_requests, Filter(text=row.upstream_request_id)) for row in near],
        "list: beginning of a session's id": [partial(list_requests, Filter(text=one[:9])) for one in sessions],
        "list: text of an error": each(text="Overloaded"),
        "list: text that no error has": each(text="no such text"),
    }  # fmt: skip


def _sessions(sessions: list[str], near: list[Request]) -> dict[str, list[Ask]]:
    now = now_ms()
    cursors = [(row.started_at, "") for row in near]
    of_key = SessionFilter(key="key00002")
    beginnings = [SessionFilter(text=one[:3]) for one in sessions]
    return {
        "sessions: newest": [lambda: list_sessions(SessionFilter())],
        "sessions: anywhere": [partial(list_sessions, SessionFilter(), at) for at in cursors],
        "sessions: of an account": [partial(list_sessions, SessionFilter(account=one)) for one in (1, 5)],
        "sessions: of a key, anywhere": [partial(list_sessions, of_key, at) for at in cursors],
        "sessions: of an agent": [lambda: list_sessions(SessionFilter(agent="agent-11-1"))],
        "sessions: of an unknown model (nothing)": [lambda: list_sessions(SessionFilter(model="none"))],
        "sessions: beginning of the id": [partial(list_sessions, one) for one in beginnings],
        "session: detail": [partial(session_detail, one) for one in sessions],
        "sessions: dearest of 24 h": [lambda: dearest_sessions(now - DAY_MS)],
        "sessions: dearest of 30 d": [lambda: dearest_sessions(now - 30 * DAY_MS)],
    }  # fmt: skip


def _details(near: list[Request], bodies: list[int]) -> dict[str, list[Ask]]:
    vault = runtime().vault
    return {
        "request: detail": [partial(request_detail, row.id) for row in near],
        "request: headers and bodies": [partial(payload, one, vault) for one in bodies],
        "request: conversation": [partial(_conversation, one, vault) for one in bodies],
        "facets": [partial(queries.facets, kind) for kind in ("model", "account", "key", "agent", "status")],
        "latest failures": [queries.latest_failures],
    }


def _conversation(request_id: int, vault: Vault) -> Conversation:
    return read_conversation(payload(request_id, vault), "/v1/messages")


def _figures() -> dict[str, list[Ask]]:
    now = now_ms()
    found: dict[str, list[Ask]] = {}
    every, one = tuple(METRICS), ("duration",)
    pairs = [Narrow((account,), (MODELS[0],)) for account in range(1, len(ACCOUNTS))]
    for name in RANGES:
        span = last(name, now)
        found |= {
            f"{name}: totals and change": [partial(analytics.divided, span, ())],
            f"{name}: series": [partial(analytics.series, span)],
            f"{name}: series of durations, percentiles": [partial(analytics.series, span, metrics=one)],
            f"{name}: series of all percentiles": [partial(analytics.series, span, metrics=every)],
            f"{name}: series by model": [partial(analytics.series, span, group="model")],
            f"{name}: series by model, percentiles": [
                partial(analytics.series, span, group="model", metrics=one)
            ],
            f"{name}: series by account": [partial(analytics.series, span, group="account")],
            f"{name}: series by key, cumulative": [partial(analytics.series, span, None, "key", (), True)],
            f"{name}: percentiles": [partial(analytics.percentiles, span)],
            f"{name}: shares": [partial(analytics.divided, span, analytics.GROUPS)],
            f"{name}: series of one account and model": [
                partial(analytics.series, span, pair) for pair in pairs
            ],
        }  # fmt: skip
    for hours in (2, -7):
        local = last("30d", now, offset_ms=hours * HOUR_MS)
        found[f"30d: series by local days, {hours:+} h"] = [partial(analytics.series, local)]
        found[f"30d: series by local days, {hours:+} h, by model"] = [partial(analytics.series, local, group="model")]
    year = between(now - 364 * DAY_MS, now, now)
    found["a year: series by model"] = [lambda: analytics.series(year, group="model")]
    found["a year: totals and change"] = [lambda: analytics.divided(year, ())]
    starts = range(now - 90 * DAY_MS, now - 10 * DAY_MS, 7 * DAY_MS)
    odd = [between(at, at + 3 * DAY_MS + 1, now) for at in starts]
    found["odd range of 3 days: series"] = [partial(analytics.series, span) for span in odd]
    return found


def _money() -> dict[str, list[Ask]]:
    now = now_ms()

    def budgets() -> object:
        with reading() as session:
            return money.spent_this_month(session, now)

    return {
        "costs of today, 7 d, 30 d (all at once)": [money.costs],
        "models without a price": [lambda: money.unpriced_models(now - 30 * DAY_MS)],
        "spending of keys this month": [budgets],
        "stats of all time": [stats.stats],
    }
