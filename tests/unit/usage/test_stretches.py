import pytest
from flask import Flask

from app.db import reading
from app.usage import stretches as room
from app.usage.spans import DAY_MS
from app.usage.stretches import Filter, stretches
from app.values import first_id
from tests.unit.usage.records import NOW, end, put

TODAY = NOW // DAY_MS * DAY_MS
EVER = (0, (1 << 63) - 1)


@pytest.fixture(autouse=True)
def history(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "now_ms", lambda: NOW)
    for days in (3, 4, 5, 9):
        put(end(TODAY - days * DAY_MS + 1000, account_id=2, account_name="home", status=429 if days == 9 else 200))
    put(end(TODAY - 7 * DAY_MS, account_id=1), end(NOW, account_id=1))


def days(wanted: Filter, lowest: int = EVER[0], highest: int = EVER[1]) -> list[tuple[int, int]]:
    """Return the stretches as days before today, the newest without an end."""
    with reading() as session:
        found = list(stretches(session, wanted, lowest, highest))
    return [((TODAY - (low >> 22) - 1_704_067_200_000) // DAY_MS, high) for low, high in found]


def test_days_that_follow_each_other_are_one_stretch() -> None:
    wanted = Filter(accounts=(2,), models=("claude-sonnet-4-5",))
    found = days(wanted)
    assert [first for first, _ in found] == [1, 5, 9]
    assert [high for _, high in found] == [EVER[1], first_id(TODAY - 2 * DAY_MS), first_id(TODAY - 8 * DAY_MS)]


@pytest.mark.parametrize(
    ("wanted", "firsts"),
    [
        (Filter(accounts=(2,), statuses=(429,)), [1, 9]),
        (Filter(accounts=(2,), failed=True), [1, 9]),
        (Filter(accounts=(1,), models=("gpt-5",)), [1]),
        (Filter(accounts=(2,), synthetic=True), [1]),
        (Filter(accounts=(2,), outcomes=("refused",)), [1]),
    ],
    ids=["status", "failed", "no such pair", "synthetic", "outcome"],
)
def test_only_days_with_such_requests_are_left(wanted: Filter, firsts: list[int]) -> None:
    assert [first for first, _ in days(wanted)] == firsts


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(accounts=(2,)),
        Filter(accounts=(2,), models=("x",), outcomes=("running",)),
        Filter(accounts=(2,), models=("x",), session_id="s"),
        Filter(),
    ],
    ids=["one condition", "running", "session", "none"],
)
def test_what_an_index_leads_to_is_not_looked_up_in_the_sums(wanted: Filter) -> None:
    with reading() as session:
        assert list(stretches(session, wanted, *EVER)) == [EVER]


def test_stretches_stay_within_the_asked_range() -> None:
    wanted = Filter(accounts=(2,), models=("claude-sonnet-4-5",))
    low, high = first_id(TODAY - 5 * DAY_MS + 500), first_id(TODAY - 4 * DAY_MS + 500)
    with reading() as session:
        assert list(stretches(session, wanted, low, high)) == [(low, high)]
