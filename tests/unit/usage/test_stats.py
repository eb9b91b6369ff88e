"""What all requests add up to."""

from typing import Any

import pytest
from sqlalchemy import select

from app.accounts import service
from app.accounts.models import Account
from app.accounts.service import NewAccount
from app.audit import SYSTEM, AuditEntry
from app.clock import now_ms
from app.db import reading, transaction
from app.runtime import runtime
from app.usage import stats as room
from app.usage.ledger import Ledger
from app.usage.models import Request
from app.usage.rollup import NEEDED
from app.usage.stats import DAY_MS, Totals
from app.values import new_request_id

pytestmark = pytest.mark.usefixtures("app")


def record(**columns: Any) -> None:
    started_at = columns.setdefault("started_at", now_ms())
    values = {"method": "POST", "path": "/v1/messages", "outcome": "complete", "status": 200, "attempts": 1}
    names = {"a": 1, "b": 2}
    columns.setdefault("account_id", names.get(columns.get("account_name", "")))
    columns["model_used"] = columns.get("model_served") or columns.get("model")
    row = dict.fromkeys(NEEDED) | {"stream": False, "is_synthetic": False} | values | columns
    with transaction() as session:
        request = Request(id=new_request_id(started_at), **(values | columns))
        session.add(request)
        session.flush()
        if row["outcome"] is not None:
            ledger = Ledger()
            ledger.count(row)
            ledger.write(session)


def test_nothing_adds_up_to_nothing_known() -> None:
    found = room.stats()
    assert found.total == found.today == found.last_7_days == found.last_30_days
    assert (found.total.requests, found.total.success_rate, found.total.cost_micro_usd) == (0, None, None)
    assert (found.total.tokens.input, found.accounts, found.models) == (None, (), ())


def test_requests_add_up_by_outcome() -> None:
    record()
    record(attempts=3)
    record(status=400)
    record(status=None, outcome="refused", attempts=0)
    record(status=200, outcome="client_gone")
    record(status=None, outcome=None, attempts=0)
    total = room.stats().total
    assert (total.requests, total.running, total.succeeded, total.success_rate) == (6, 1, 2, 2 / 5)
    assert total.outcomes == {"complete": 3, "refused": 1, "client_gone": 1}
    assert total.attempts == 6


def test_zero_is_zero_and_unknown_stays_unknown() -> None:
    record()
    assert room.stats().total.tokens.input is None
    record(input_tokens=0, output_tokens=5, cost=7)
    record(input_tokens=10, cache_read_tokens=None, cost=None)
    record()
    total = room.stats().total
    assert (total.tokens.input, total.tokens.output, total.tokens.cache_read) == (10, 5, None)
    assert (total.cost_micro_usd, total.unpriced) == (7, 1)


def test_ranges_end_now() -> None:
    at = now_ms()
    for started_at in (at, at - DAY_MS - 1, at - 8 * DAY_MS, at - 31 * DAY_MS):
        record(started_at=started_at)
    found = room.stats()
    counts = [part.requests for part in (found.today, found.last_7_days, found.last_30_days, found.total)]
    assert counts == [1, 2, 3, 4]


def test_shares_name_the_busiest_first_and_add_up_to_the_total() -> None:
    for account, model in (("b", "opus"), ("a", "opus"), ("b", "haiku"), (None, None), ("b", None)):
        record(account_name=account, model=model, cost=1)
    found = room.stats()
    assert [(share.name, share.totals.requests) for share in found.accounts] == [("b", 3), (None, 1), ("a", 1)]
    assert [(share.name, share.totals.requests) for share in found.models] == [(None, 2), ("opus", 2), ("haiku", 1)]
    for shares in (found.accounts, found.models):
        assert sum(share.totals.cost_micro_usd or 0 for share in shares) == found.total.cost_micro_usd
        assert sum(share.totals.requests for share in shares) == found.total.requests


def test_unpriced_models_are_named_once() -> None:
    at = now_ms()
    record(model="asked", model_served="served", output_tokens=1, started_at=at)
    record(model="asked", model_served="served", output_tokens=1, started_at=at)
    record(model="other", input_tokens=1, started_at=at)
    record(model="priced", input_tokens=1, cost=0, started_at=at)
    record(model="silent", started_at=at)
    record(model="old", input_tokens=1, started_at=at - 2 * DAY_MS)
    assert room.unpriced_models(at) == ("other", "served")


def test_reset_zeroes_counters_and_leaves_history() -> None:
    service.add(runtime().vault, NewAccount("a", "ollama"), SYSTEM)
    with transaction() as session:
        account = session.execute(select(Account)).scalar_one()
        account.request_count, account.session_start = 5, 6
    record(account_name="a")
    assert room.reset_stats(SYSTEM) == 1
    with reading() as session:
        account = session.execute(select(Account)).scalar_one()
        assert (account.request_count, account.session_start) == (0, 6)
        last = session.execute(select(AuditEntry).order_by(AuditEntry.id.desc())).scalars().first()
    assert last is not None
    assert last.action == "stats.reset"
    assert isinstance(room.stats().total, Totals)
    assert room.stats().total.requests == 1
