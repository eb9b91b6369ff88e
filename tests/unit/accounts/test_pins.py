"""Where client sessions stay: remembered here, true in the database, and given up when idle for too long."""

import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts import pins as module
from app.accounts.models import Account, SessionPin
from app.accounts.pins import Pins
from app.db import beats, reading, transaction
from app.runtime import runtime

HOUR = 3_600_000
NOW = 1_790_000_000_000


@pytest.fixture(autouse=True)
def _accounts(app: Flask) -> None:
    with transaction() as session:
        session.add_all(Account(id=number, name=f"a{number}", provider="console", created_at=1) for number in (1, 2))


def pins() -> Pins:
    """Return the pins as another process would know them."""
    return Pins(runtime().commits.commit)


def stored() -> dict[str, tuple[int, int]]:
    """Return what the database holds."""
    with reading() as session:
        return {row.session_id: (row.account_id, row.used_at) for row in session.execute(select(SessionPin)).scalars()}


def moves() -> int:
    """Return how often other workers were told of a move."""
    with reading() as session:
        return beats(session)["pins"]


def test_pin_is_found_here_and_by_a_process_that_never_saw_it() -> None:
    here = pins()
    here.pin("s", 1, NOW)
    assert here.find("s", NOW, HOUR) == 1
    assert pins().find("s", NOW, HOUR) == 1
    assert pins().find("other", NOW, HOUR) is None


def test_idle_pin_is_no_pin() -> None:
    here = pins()
    here.pin("s", 1, NOW)
    for one in (here, pins()):
        assert one.find("s", NOW + HOUR - 1, HOUR) == 1
        assert one.find("s", NOW + HOUR, HOUR) is None


def test_use_is_written_at_most_once_a_minute_and_tells_nobody() -> None:
    here = pins()
    here.pin("s", 1, NOW)
    told = moves()
    here.touch("s", 1, NOW + 59_000)
    assert stored() == {"s": (1, NOW)}
    here.touch("s", 1, NOW + 61_000)
    assert stored() == {"s": (1, NOW + 61_000)}
    assert moves() == told


def test_move_reaches_other_workers() -> None:
    here, there = pins(), pins()
    here.pin("s", 1, NOW)
    assert there.find("s", NOW, HOUR) == 1
    told = moves()
    here.pin("s", 2, NOW + 1000)
    assert moves() == told + 1
    there.load()
    assert there.find("s", NOW + 1000, HOUR) == 2


def test_memory_is_bounded_and_the_database_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    here = pins()
    for number in range(6):
        here.pin(f"s{number}", 1 + number % 2, NOW)
    assert [here.find(f"s{number}", NOW, HOUR) for number in range(6)] == [1, 2, 1, 2, 1, 2]
    assert len(here._known) == 3


def test_pin_of_a_removed_account_holds_up_nothing() -> None:
    here = pins()
    here.pin("s", 99, NOW)
    assert runtime().commits.waiting == 0
    here.pin("t", 1, NOW)
    assert stored() == {"t": (1, NOW)}
