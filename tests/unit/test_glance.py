"""Everything at one glance."""

import pytest
from flask import Flask

from app.accounts import service
from app.accounts.entry import NewAccount
from app.audit import SYSTEM
from app.background.gauges import Teller
from app.clock import now_ms
from app.glance import glance
from app.runtime import runtime
from app.usage.pricing import price
from app.values import Tokens
from tests.unit.usage.records import end, put, start

pytestmark = pytest.mark.usefixtures("app")

TOKENS = [100, 50, 1000, 200, 0, 0]


def add(name: str, priority: int = 0) -> int:
    made = service.add(runtime().vault, NewAccount(name, "console", "sk-a-key", priority=priority), SYSTEM)
    runtime().pool.load()
    return made.id


def test_installation_without_a_server_is_not_called_healthy(app: Flask) -> None:
    add("work")
    found = glance(runtime())
    assert (found.workers, found.verdict.level, found.verdict.words) == (0, "bad", "No server is up.")
    Teller(runtime()).tell()
    found = glance(runtime())
    assert (found.workers, found.verdict.words) == (1, "Healthy. The account is ready.")


def test_accounts_come_in_the_order_of_priority_and_the_next_one_is_marked() -> None:
    add("spare", 5)
    add("Work", 1)
    assert [(one.account.name, one.serves_now) for one in glance(runtime()).accounts] == [
        ("Work", True),
        ("spare", False),
    ]


def test_paces_and_the_day_are_those_of_each_account_and_of_all() -> None:
    work, idle = add("work"), add("idle", 1)
    at = now_ms()
    cost = price("claude-sonnet-4-5", Tokens(*TOKENS), at)
    assert cost is not None
    assert cost.total is not None
    put(end(at, account_id=work, tokens=TOKENS), end(at, account_id=work, tokens=TOKENS, status=500))
    found = glance(runtime())
    by_id = {one.account.id: one.pace for one in found.accounts}
    assert by_id[work] == found.pace
    assert (found.pace.requests_today, found.pace.failed_today) == (2, 1)
    assert found.pace.cost_today_micro_usd == 2 * cost.total
    assert 2 / 6 <= found.pace.requests_per_minute <= 2 / 5
    assert found.pace.tokens_per_minute == pytest.approx(found.pace.requests_per_minute * 1350, rel=0.01)
    assert (by_id[idle].requests_per_minute, by_id[idle].tokens_per_minute) == (0, 0)
    assert by_id[idle].cost_today_micro_usd == 0


def test_tokens_and_costs_that_nobody_told_stay_unknown() -> None:
    put(end(now_ms(), tokens=[]))
    pace = glance(runtime()).pace
    assert (pace.requests_today, pace.tokens_per_minute, pace.cost_today_micro_usd) == (1, None, None)


def test_what_runs_and_what_failed_is_listed() -> None:
    at = now_ms()
    running, failed = end(at), end(at, status=529, outcome="complete")
    put(start(running), failed)
    found = glance(runtime())
    assert (found.requests_running, [row.id for row in found.running]) == (1, [running["id"]])
    assert [one.request.id for one in found.failures] == [failed["id"]]
