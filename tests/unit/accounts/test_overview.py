"""Accounts as people and programs see them."""

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts import overview, service
from app.accounts.models import Account, AccountWindow
from app.accounts.service import NewAccount
from app.audit import SYSTEM
from app.clock import now_ms
from app.db import transaction
from app.runtime import runtime
from app.values import TokenPair
from app.vault import Vault


@pytest.fixture
def vault(app: Flask) -> Vault:
    return runtime().vault


def test_accounts_come_in_the_order_of_names(vault: Vault) -> None:
    for name in ("b", "c", "a"):
        service.add(vault, NewAccount(name, "ollama"), SYSTEM)
    assert [view.name for view in overview.views(vault)] == ["a", "b", "c"]


def test_window_tells_its_age_and_whether_its_reset_has_passed(vault: Vault) -> None:
    account_id = service.add(vault, NewAccount("a", "ollama"), SYSTEM).id
    at = now_ms()
    with transaction() as session:
        for kind, reset_at in (("7d", at - 1), ("5h", at + 600_000)):
            session.add(
                AccountWindow(
                    account_id=account_id, kind=kind, utilization=0.5, reset_at=reset_at, status="allowed",
                    seen_at=at - 30_000, source="poll",
                )
            )  # fmt: skip
    five_hours, week = overview.view(vault, "a").windows
    assert (five_hours.kind, five_hours.is_reset, five_hours.source) == ("5h", False, "poll")
    assert (week.kind, week.is_reset) == ("7d", True)
    assert five_hours.age_ms >= 30_000


def test_secret_that_does_not_open_is_shown_as_a_failing_credential(vault: Vault) -> None:
    service.add(vault, NewAccount("a", "console", "sk-a"), SYSTEM)
    service.add(vault, NewAccount("b", "console", "sk-b"), SYSTEM)
    with transaction() as session:
        first, second = session.execute(select(Account).order_by(Account.name)).scalars()
        first.api_key = second.api_key
    health = overview.view(vault, "a").health
    assert health.state == "auth_failing"
    assert "does not open" in (health.reason or "")
    assert overview.view(vault, "b").health.is_ok


@pytest.mark.parametrize(
    ("refresh_token", "state"),
    [pytest.param(None, "auth_failing", id="cannot be refreshed"), pytest.param("rt", "ok", id="can be refreshed")],
)
def test_expired_token_is_a_fault_only_without_a_way_to_refresh_it(
    vault: Vault, refresh_token: str | None, state: str
) -> None:
    service.add(vault, NewAccount("sub", "max", tokens=TokenPair("at", refresh_token, now_ms() - 1)), SYSTEM)
    assert overview.view(vault, "sub").health.state == state


def test_account_of_a_mode_that_is_gone_is_still_shown(vault: Vault) -> None:
    service.add(vault, NewAccount("a", "ollama"), SYSTEM)
    with transaction() as session:
        session.execute(select(Account)).scalar_one().provider = "gone"
    view = overview.view(vault, "a")
    assert (view.mode, view.label, view.holds_window) == ("gone", "gone", False)
