import pytest
from flask import Flask

from app.dashboard.narrowing import narrow, narrowed, wanted, wanted_sessions
from app.errors import InvalidInput
from app.usage.spans import HOUR_MS
from tests.unit.usage.records import NOW


def test_address_says_which_requests_are_wanted(app: Flask) -> None:
    query = "account=1&account=2&model=opus&status=429&outcome=refused&failed=1&session=s&q=%20x%20&range=1h"
    with app.test_request_context(f"/?{query}"):
        found = wanted(NOW)
    assert (found.accounts, found.models, found.statuses, found.outcomes) == ((1, 2), ("opus",), (429,), ("refused",))
    assert (found.failed, found.session_id, found.text, found.start) == (True, "s", "x", NOW - HOUR_MS)


@pytest.mark.parametrize("query", ["account=one", "status=4%2029", "outcome=won", "account=-1"])
def test_wrong_filter_is_refused_by_name(app: Flask, query: str) -> None:
    with app.test_request_context(f"/?{query}"), pytest.raises(InvalidInput) as caught:
        wanted(NOW)
    assert list(caught.value.details) == [query.partition("=")[0]]


def test_empty_fields_want_everything(app: Flask) -> None:
    with app.test_request_context("/?account=&model=&failed=&q="):
        assert wanted(NOW) == type(wanted(NOW))()
        assert narrowed() == {}
        assert narrow().accounts == ()
        assert wanted_sessions(NOW).account is None
