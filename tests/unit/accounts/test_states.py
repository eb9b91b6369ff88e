import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts.models import Account, AccountWindow
from app.accounts.states import newest, reset_of_5h, store_windows
from app.db import reading, transaction
from app.values import Candidate, Window, WindowSource
from tests.databases import ENGINES

NOW = 1_790_000_000_000


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def accounts(app: Flask) -> None:
    with transaction() as session:
        session.add_all([Account(id=number, name=str(number), provider="max", created_at=1) for number in (1, 2)])


def window(used: float, seen_at: int, source: WindowSource = "header", kind: str = "5h") -> Window:
    return Window(kind, used, NOW, None, seen_at, source)


def store(*seen: tuple[int, Window]) -> None:
    with transaction() as session:
        store_windows(session, seen)


def stored() -> dict[tuple[int, str], tuple[float | None, str]]:
    with reading() as session:
        rows = session.execute(select(AccountWindow)).scalars()
        return {(row.account_id, row.kind): (row.utilization, row.source) for row in rows}


@pytest.mark.usefixtures("accounts")
class TestStoredWindows:
    def test_newer_value_replaces_an_older_one(self) -> None:
        store((1, window(0.1, NOW)))
        store((1, window(0.2, NOW + 1, "poll")))
        assert stored() == {(1, "5h"): (0.2, "poll")}

    def test_poll_that_comes_late_does_not_replace_a_newer_header(self) -> None:
        store((1, window(0.5, NOW)))
        store((1, window(0.4, NOW - 1, "poll")), (1, window(0.7, NOW - 1, "poll", "7d")))
        assert stored() == {(1, "5h"): (0.5, "header"), (1, "7d"): (0.7, "poll")}

    def test_each_account_and_kind_stands_for_itself(self) -> None:
        store((1, window(0.1, NOW)), (2, window(0.2, NOW)), (2, window(0.3, NOW, kind="7d")))
        assert stored() == {
            (1, "5h"): (0.1, "header"),
            (2, "5h"): (0.2, "header"),
            (2, "7d"): (0.3, "header"),
        }

    def test_window_of_a_removed_account_is_dropped_and_harms_no_other(self) -> None:
        store((404, window(0.9, NOW)), (1, window(0.1, NOW)))
        assert stored() == {(1, "5h"): (0.1, "header")}


def test_newest_of_each_kind_counts() -> None:
    old, new, week = window(0.1, NOW), window(0.2, NOW + 1), window(0.3, NOW, kind="7d")
    assert set(newest((new, week), (old,))) == {new, week}
    assert set(newest((old,), (new, week))) == {new, week}


@pytest.mark.parametrize(
    ("windows", "reset_at"),
    [
        pytest.param((), None, id="none known"),
        pytest.param((Window("5h", 0.1, NOW + 9, None, NOW, "poll"),), NOW + 9, id="open"),
        pytest.param((Window("5h", 0.1, NOW, None, NOW, "poll"),), None, id="over"),
        pytest.param((Window("7d", 0.1, NOW + 9, None, NOW, "poll"),), None, id="only the week's"),
    ],
)
def test_reset_of_the_open_5_h_window(windows: tuple[Window, ...], reset_at: int | None) -> None:
    assert reset_of_5h(Candidate(1, "a", "max", windows=windows), NOW) == reset_at
