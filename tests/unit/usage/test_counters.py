"""Sums by account and model."""

from flask import Flask

from app.clock import now_ms
from app.usage.counters import counted
from tests.unit.usage.records import end, put


def test_accounts_of_one_name_are_one(app: Flask) -> None:
    put(end(now_ms(), account_id=1), end(now_ms() + 1, account_id=2), end(now_ms() + 2, account_id=None))
    assert [(one.account, one.sums["requests"]) for one in counted()] == [("", 1), ("work", 2)]
