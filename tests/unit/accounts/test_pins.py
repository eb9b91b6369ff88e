"""Where client sessions stay: remembered here, true in the database, and given up when idle for too long."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.accounts import pins as module
from app.accounts.models import Account, SessionPin
from app.accounts.pins import Pins
from app.db import beats, reading, transaction
from app.runtime import runtime
from tests.databases import ENGINES

HOUR = 3_600_000
NOW = 1_790_000_000_000


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


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


def test_session_that_another_process_kept_alive_is_still_pinned() -> None:
    here, there = pins(), pins()
    here.pin("s", 1, NOW)
    assert there.find("s", NOW, HOUR) == 1
    there.touch("s", 1, NOW + HOUR - 1)
    assert here.find("s", NOW + HOUR, HOUR) == 1
    assert here.find("s", NOW + 2 * HOUR, HOUR) is None


@pytest.mark.parametrize("fault", [OperationalError("SELECT", {}, Exception("away")), TimeoutError()], ids=type)
def test_session_whose_pin_cannot_be_read_counts_as_new(
    fault: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: str) -> None:
        raise fault

    pins().pin("s", 1, NOW)
    here = pins()
    with monkeypatch.context() as patched:
        patched.setattr(module, "_read", fail)
        assert [here.find("s", NOW, HOUR) for _ in range(3)] == [None] * 3
    assert len(caplog.messages) == 1
    assert here.find("s", NOW, HOUR) == 1


@pytest.mark.parametrize("session_id", ["a\ud800", "a\0b"], ids=["lone surrogate", "NUL"])
def test_session_id_that_no_database_takes_harms_nobody(session_id: str) -> None:
    here = pins()
    assert here.find(session_id, NOW, HOUR) is None
    here.pin(session_id, 1, NOW)
    assert here.find(session_id, NOW, HOUR) == 1
    assert runtime().commits.waiting == 0
    here.pin("t", 1, NOW)
    assert stored()["t"] == (1, NOW)


def test_pin_that_had_to_wait_does_not_undo_a_newer_one() -> None:
    waiting: list[Callable[[Session], None]] = []
    here = Pins(waiting.append)
    here.pin("s", 1, NOW)
    here.pin("s", 2, NOW + 1000)
    for write in reversed(waiting):
        with transaction() as session:
            write(session)
    assert stored() == {"s": (2, NOW + 1000)}
