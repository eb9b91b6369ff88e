import pytest
from flask import Flask
from sqlalchemy import select

from app.accounts import windows
from app.accounts.forecast import HOUR_MS, MINUTE_MS
from app.accounts.models import Account, AccountWindow, WindowSample
from app.clock import now_ms
from app.db import reading, transaction
from app.upserts import upsert
from tests.databases import ENGINES

NOW = 1_790_000_000_000
RESET = NOW + 2 * HOUR_MS


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def account(app: Flask) -> None:
    with transaction() as session:
        session.add(Account(id=1, name="work", provider="max", created_at=1))


def see(used: float | None, at: int, reset_at: int | None = RESET, kind: str = "5h", source: str = "poll") -> None:
    row = {
        "account_id": 1,
        "kind": kind,
        "utilization": used,
        "reset_at": reset_at,
        "status": None,
        "seen_at": at,
        "source": source,
    }
    with transaction() as session:
        upsert(session, AccountWindow, [row], ["account_id", "kind"])


def record(at: int) -> tuple[int, int]:
    with transaction() as session:
        return windows.record(session, at)


def known(kind: str = "5h") -> list[tuple[int, float]]:
    return [(sample.at - NOW, sample.utilization) for sample in windows.samples(1, kind, 0)]


def test_change_is_sampled_at_the_time_it_was_seen() -> None:
    see(0.10, NOW)
    assert record(NOW + 5_000) == (1, 0)
    see(0.12, NOW + 60_000)
    assert record(NOW + 65_000) == (1, 0)
    assert known() == [(0, 0.10), (60_000, 0.12)]


def test_recording_twice_changes_nothing() -> None:
    see(0.10, NOW)
    record(NOW)
    assert record(NOW + 1) == (0, 0)
    assert known() == [(0, 0.10)]


def test_value_that_stays_is_sampled_every_five_minutes_while_it_is_seen() -> None:
    for minute in range(12):
        see(0.10, NOW + minute * MINUTE_MS)
        record(NOW + minute * MINUTE_MS)
    assert [at // MINUTE_MS for at, _ in known()] == [0, 5, 10]


def test_value_that_nobody_sees_is_not_made_up() -> None:
    see(0.10, NOW)
    record(NOW)
    assert record(NOW + HOUR_MS) == (0, 0)


@pytest.mark.parametrize(("kind", "sampled"), [("7d_opus", 1), ("time_limit", 1), ("requests", 0), ("input_tokens", 0)])
def test_only_windows_of_hours_and_days_have_a_history(kind: str, sampled: int) -> None:
    see(0.5, NOW, kind=kind)
    assert record(NOW) == (sampled, 0)


def test_crossed_reset_is_noted_once_with_the_last_use_before_it() -> None:
    see(0.8, NOW)
    record(NOW)
    assert record(RESET - 1) == (0, 0)
    assert record(RESET) == (0, 1)
    assert record(RESET + 1000) == (0, 0)
    (event,) = windows.reset_events(0)
    assert (event.account_id, event.kind, event.reset_at, event.noticed_at) == (1, "5h", RESET, RESET)
    assert event.utilization == 0.8


def test_reset_is_noted_though_the_next_window_was_seen_first() -> None:
    see(0.8, NOW)
    record(NOW)
    see(0.01, RESET + 5_000, RESET + 5 * HOUR_MS)
    assert record(RESET + 6_000) == (1, 1)
    assert [event.reset_at for event in windows.reset_events(0)] == [RESET]


def test_reset_that_two_sources_round_differently_is_one_event() -> None:
    see(0.8, NOW, RESET)
    record(NOW)
    record(RESET + 1)
    see(0.8, RESET + 2, RESET - 700)
    record(RESET + 3)
    assert len(windows.reset_events(0)) == 1


def test_each_reset_of_a_window_is_an_event_of_its_own() -> None:
    for turn in range(3):
        see(0.1 * turn, NOW + turn * 5 * HOUR_MS, RESET + turn * 5 * HOUR_MS)
        record(NOW + turn * 5 * HOUR_MS)
    assert [event.reset_at - RESET for event in windows.reset_events(0)] == [5 * HOUR_MS, 0]


def test_old_samples_and_events_are_forgotten_in_batches() -> None:
    for minute in range(0, 50, 5):
        see(0.01 * minute, NOW + minute * MINUTE_MS)
        record(NOW + minute * MINUTE_MS)
    record(RESET)
    with transaction() as session:
        assert windows.forget_before(session, NOW + 30 * MINUTE_MS, 4) == 4
        assert windows.forget_before(session, NOW + 30 * MINUTE_MS, 4) == 2
        assert windows.forget_before(session, NOW + 30 * MINUTE_MS, 4) == 0
        assert windows.forget_before(session, RESET + 1, 100) == 4 + 1
    assert known() == []


def test_forecasts_come_from_the_history_and_leave_paused_accounts_out() -> None:
    now = now_ms()
    reset_at = now + 3 * HOUR_MS
    with transaction() as session:
        session.add(Account(id=2, name="paused", provider="max", created_at=1, paused_at=5))
        session.flush()
        for account_id in (1, 2):
            for back in range(12):
                sample = {"account_id": account_id, "kind": "5h", "reset_at": reset_at, "source": "poll"}
                session.add(WindowSample(at=now - back * 5 * MINUTE_MS, utilization=0.9 - 0.02 * back, **sample))
            session.add(
                AccountWindow(
                    account_id=account_id, kind="5h", utilization=0.9, reset_at=reset_at, seen_at=now, source="poll"
                )
            )
    found = windows.outlooks()
    assert set(found.accounts) == {"work"}
    assert found.accounts["work"]["5h"].outlook == "runs_out"
    assert found.pool["5h"].burn_per_hour == pytest.approx(0.24)


def test_samples_go_with_their_account() -> None:
    see(0.1, NOW)
    record(RESET)
    with transaction() as session:
        session.delete(session.get(Account, 1))
    with reading() as session:
        assert session.execute(select(WindowSample)).first() is None
    assert windows.reset_events(0) == []
