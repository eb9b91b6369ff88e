"""Who would serve now, and how everything is, in words."""

from collections.abc import Callable

import pytest
from flask import Flask

from app.accounts import service
from app.accounts.entry import NewAccount
from app.accounts.overview import AccountView
from app.audit import SYSTEM
from app.runtime import runtime
from app.serving import serving, verdict
from app.usage.rollup import SUMS
from app.usage.sums import Totals, totals

Add = Callable[..., AccountView]


def added_up(**sums: int) -> Totals:
    """Return totals of these sums; all others are nothing."""
    return totals([sums.get(name, 0) for name in SUMS])


QUIET = added_up()


@pytest.fixture
def add(app: Flask) -> Add:
    """Add an account."""

    def make(name: str, priority: int = 0) -> AccountView:
        return service.add(runtime().vault, NewAccount(name, "console", "sk-a-key", priority=priority), SYSTEM)

    return make


def test_best_account_serves_and_says_why(app: Flask, add: Add) -> None:
    add("spare", priority=5)
    add("work", priority=1)
    runtime().pool.load()
    found = serving(runtime())
    assert (found.account, found.why) == ("work", "the best account starts a session")
    assert found.passed_over == ()


def test_accounts_that_were_ahead_are_named_with_their_reason(app: Flask, add: Add) -> None:
    add("spare", priority=5)
    paused = add("work", priority=1)
    service.pause(paused.id, "rests", SYSTEM)
    runtime().pool.load()
    found = serving(runtime())
    assert found.account == "spare"
    assert [(one.name, one.reason) for one in found.passed_over] == [("work", "paused (rests)")]
    told = verdict(service.views(runtime().vault), found, QUIET)
    assert (told.level, told.words) == ("warn", "Serving, with 1 of 2 accounts ready.")


def test_nobody_serves_an_empty_or_paused_pool(app: Flask, add: Add) -> None:
    assert verdict((), serving(runtime()), QUIET).level == "mute"
    service.pause(add("work").id, None, SYSTEM)
    runtime().pool.load()
    found = serving(runtime())
    assert found.account is None
    assert verdict(service.views(runtime().vault), found, QUIET).words == "No account can serve now."


def test_many_failures_are_trouble_although_accounts_are_ready(app: Flask, add: Add) -> None:
    add("work")
    runtime().pool.load()
    accounts, found = service.views(runtime().vault), serving(runtime())
    bad, fair = (
        added_up(requests=20, succeeded=12),
        added_up(requests=200, succeeded=192),
    )
    assert verdict(accounts, found, bad).words == "8 of the last 20 requests failed."
    assert verdict(accounts, found, fair).words == "Healthy. The account is ready."
