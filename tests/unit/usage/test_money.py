import pytest
from flask import Flask

from app.db import reading
from app.usage import money
from app.usage.money import costs, key_spending, month_start, spent_this_month, unpriced_models
from tests.unit.usage.records import NOW, end, put

DAY = 86_400_000


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(money, "now_ms", lambda: NOW)


def test_subscriptions_have_a_value_and_others_a_bill(app: Flask) -> None:
    put(
        end(NOW, account_id=1, account_name="sub", provider="max", key_id="aaaaaaaa"),
        end(NOW, account_id=2, account_name="paid", provider="console", key_id="aaaaaaaa"),
        end(NOW, account_id=2, account_name="paid", provider="console", model_served="claude-opus-4-5"),
        end(NOW - 3 * DAY, account_id=1, account_name="sub", provider="max"),
        end(NOW, account_id=3, account_name="odd", provider="console", model_served="nobody-knows-1"),
    )
    today, week, month = costs()
    assert (today.total.equivalent_micro_usd, week.total.equivalent_micro_usd) == (2100, 4200)
    assert today.total.billed_micro_usd == week.total.billed_micro_usd == month.total.billed_micro_usd
    by_account = {one.name: (one.billed_micro_usd, one.equivalent_micro_usd, one.unpriced) for one in today.accounts}
    assert by_account["sub"] == (None, 2100, 0)
    assert by_account["odd"] == (None, None, 1)
    by_model = {one.name: (one.billed_micro_usd, one.equivalent_micro_usd) for one in today.models}
    assert by_model["claude-sonnet-4-5"] == (2100, 2100)
    assert by_model["claude-opus-4-5"][1] is None
    for period in (today, week, month):
        for parts in (period.accounts, period.models, period.keys):
            assert sum(one.equivalent_micro_usd or 0 for one in parts) == period.total.equivalent_micro_usd
            assert sum(one.billed_micro_usd or 0 for one in parts) == period.total.billed_micro_usd
            assert sum(one.requests for one in parts) == period.total.requests


def test_models_without_a_price_are_listed(app: Flask) -> None:
    put(*(end(NOW, model_served="nobody-knows-1") for _ in range(2)), end(NOW), end(NOW, model_served="old", tokens=[]))
    (found,) = unpriced_models(NOW - DAY)
    assert (found.model, found.requests, found.tokens) == ("nobody-knows-1", 2, 2 * 1350)
    assert unpriced_models(NOW + DAY) == ()


def test_keys_spend_by_calendar_month(app: Flask) -> None:
    first = month_start(NOW)
    put(
        end(first, key_id="aaaaaaaa"),
        end(NOW, key_id="aaaaaaaa"),
        end(NOW, key_id="bbbbbbbb"),
        end(first - 1, key_id="aaaaaaaa"),
        end(NOW),
    )
    with reading() as session:
        assert spent_this_month(session, NOW) == {"aaaaaaaa": 4200, "bbbbbbbb": 2100}
    assert [(one.key_id, one.requests) for one in key_spending()] == [("aaaaaaaa", 2), ("bbbbbbbb", 1)]


@pytest.mark.parametrize(
    ("at", "start"),
    [(1_769_904_000_000, 1_769_904_000_000), (1_769_903_999_999, 1_767_225_600_000), (0, 0)],
    ids=["first moment", "last moment", "epoch"],
)
def test_month_begins_at_its_first_midnight(at: int, start: int) -> None:
    assert month_start(at) == start
