"""The accounts as one process knows them: changes are in force at once here, and soon after in every other process."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts import pool as module
from app.accounts.models import Account, AccountWindow
from app.accounts.overlays import Commit
from app.accounts.pool import Pool
from app.accounts.secrets import seal_into
from app.accounts.states import AccountState
from app.db import reading, transaction
from app.runtime import runtime
from app.values import Candidate, Ramp, Verdict, Window

NOW = 1_790_000_000_000
SECOND = 1000
MINUTE = 60 * SECOND
RAMP = Ramp(free=2, base_ms=10 * SECOND, cap_ms=5 * MINUTE)
BROKEN = Verdict("upstream", "next", ramp=RAMP)
BURST = Verdict("burst", "next", ramp=Ramp(free=1, base_ms=30 * SECOND, cap_ms=5 * MINUTE, within_ms=MINUTE))
OVERLOADED = Verdict("overloaded", "retry", until=NOW + 10 * SECOND)
QUOTA = Verdict("quota", "next", until=NOW + 60 * MINUTE)
SERVED = Verdict("served", "serve")

Write = Callable[[Session], None]


class Slow:
    """A commit that waits until it is told."""

    def __init__(self) -> None:
        self.waiting: list[Write] = []
        self.dropped: list[Callable[[], None]] = []

    def __call__(self, write: Write, dropped: Callable[[], None] = lambda: None) -> None:
        self.waiting.append(write)
        self.dropped.append(dropped)

    def go(self) -> None:
        """Run what waits."""
        while self.waiting:
            with transaction() as session:
                self.waiting.pop(0)(session)


@pytest.fixture(autouse=True)
def _accounts(app: Flask) -> None:
    with transaction() as session:
        for number, name in ((1, "b"), (2, "a")):
            row = Account(id=number, name=name, provider="console", created_at=1, priority=number)
            session.add(row)
            session.flush()
            seal_into(row, runtime().vault, "api_key", f"key-of-{name}")


def pool(commit: Commit | None = None) -> Pool:
    """Return a process's view of the accounts, just loaded."""
    made = Pool(runtime().vault, commit or runtime().commits.commit, {"console": "https://base"})
    made.load()
    return made


def one(of: Pool, account_id: int = 1) -> Candidate:
    """Return an account as a process knows it."""
    return next(candidate for candidate in of.candidates() if candidate.id == account_id)


def row(account_id: int = 1) -> Account:
    """Return an account as the database has it."""
    with reading() as session:
        return session.execute(select(Account).where(Account.id == account_id)).scalar_one()


def _fault(of: Pool, account_id: int) -> str | None:
    state = of.state(account_id)
    assert state is not None
    return state.secrets.fault


def window(kind: str = "5h", utilization: float = 0.5, *, seen_at: int = NOW, reset_at: int = NOW + MINUTE) -> Window:
    """Return a window as an answer tells it."""
    return Window(kind, utilization, reset_at, "allowed", seen_at, "header")


def test_accounts_come_by_name_with_their_secrets_apart() -> None:
    found = pool()
    assert [candidate.name for candidate in found.candidates()] == ["a", "b"]
    assert one(found).endpoint == "https://base"
    state = found.state(1)
    assert state is not None
    assert state.secrets.api_key == "key-of-b"
    assert "key-of" not in repr((found.candidates(), state))
    assert found.state(99) is None


def test_cool_down_is_in_force_here_and_there() -> None:
    here, there = pool(), pool()
    assert here.cool_down(1, QUOTA, None, NOW, NOW) == QUOTA.until
    assert (one(here).cooldown_until, one(here).cooldown_reason) == (QUOTA.until, "quota")
    there.load()
    assert one(there) == one(here)
    assert one(there, 2).cooldown_until is None


def test_longer_cool_down_is_never_shortened() -> None:
    here, there = pool(), pool()
    here.cool_down(1, QUOTA, None, NOW, NOW)
    assert here.cool_down(1, OVERLOADED, None, NOW, NOW) == QUOTA.until
    there.cool_down(1, OVERLOADED, None, NOW, NOW)
    assert (row().cooldown_until, row().cooldown_reason) == (QUOTA.until, "quota")
    assert (one(here).cooldown_until, one(here).cooldown_reason) == (QUOTA.until, "quota")


def test_account_that_is_gone_is_nobodys_business() -> None:
    assert pool().cool_down(99, QUOTA, None, NOW, NOW) is None
    pool().served(99, SERVED, NOW, NOW)


@pytest.mark.parametrize(
    ("verdict", "apart_ms", "expected"),
    [
        (BROKEN, SECOND, [None, None, 10, 20, 40, 80, 160, 300, 300]),
        (BROKEN, 60 * MINUTE, [None, None, 10, 20]),
        (BURST, 40 * SECOND, [None, 30, 60, 120, 240, 300]),
        (BURST, 2 * MINUTE, [None, None, None]),
    ],
    ids=["three-in-a-row", "however-late", "repeated-within-a-minute", "far-apart"],
)
def test_cool_down_grows_with_repetition(verdict: Verdict, apart_ms: int, expected: list[int | None]) -> None:
    here = pool()
    found = []
    for number in range(len(expected)):
        at = NOW + number * apart_ms
        until = here.cool_down(1, verdict, None, at, at)
        longest = (until - at) // SECOND if until is not None else None
        found.append(longest)
        with transaction() as session:
            session.execute(update(Account).values(cooldown_until=None))
        here.load()
        here.put(1, {"cooldown_until": None})
    assert found == expected


def test_failures_side_by_side_count_as_one() -> None:
    here = pool()
    for _ in range(5):
        assert here.cool_down(1, BROKEN, None, NOW, NOW + SECOND) is None
    assert row().streak == 1
    here.cool_down(1, BROKEN, None, NOW + 2 * SECOND, NOW + 3 * SECOND)
    assert row().streak == 2


def test_other_reason_begins_a_new_streak() -> None:
    here = pool()
    for number in range(2):
        here.cool_down(1, BROKEN, None, NOW + number, NOW + number)
    here.cool_down(1, BURST, None, NOW + 5, NOW + 5)
    assert (row().streak, row().streak_reason) == (1, "burst")


def test_streak_goes_on_in_another_process() -> None:
    for number in range(2):
        pool().cool_down(1, BROKEN, None, NOW + number, NOW + number)
    assert pool().cool_down(1, BROKEN, None, NOW + 2, NOW + 2) == NOW + 2 + 10 * SECOND


def test_served_answer_ends_an_older_cool_down_and_the_streak() -> None:
    here = pool()
    here.cool_down(1, OVERLOADED, None, NOW, NOW)
    here.served(1, SERVED, NOW + SECOND, NOW + 2 * SECOND)
    assert (one(here).cooldown_until, row().cooldown_until, row().streak) == (None, None, 0)


def test_served_answer_leaves_a_newer_cool_down() -> None:
    here = pool()
    here.cool_down(1, QUOTA, None, NOW, NOW)
    here.served(1, SERVED, NOW - SECOND, NOW + SECOND)
    assert (one(here).cooldown_until, row().cooldown_until) == (QUOTA.until, QUOTA.until)
    assert row().streak == 0


def test_served_answer_leaves_a_newer_cool_down_of_another_process() -> None:
    here, there = pool(), pool()
    here.cool_down(1, OVERLOADED, None, NOW, NOW)
    there.load()
    here.cool_down(1, QUOTA, None, NOW + 5 * SECOND, NOW + 5 * SECOND)
    there.served(1, SERVED, NOW + SECOND, NOW + 6 * SECOND)
    assert (row().cooldown_until, row().cooldown_reason) == (QUOTA.until, "quota")


def test_served_answer_usually_writes_nothing() -> None:
    slow = Slow()
    here = pool(slow)
    here.served(1, SERVED, NOW, NOW)
    assert slow.waiting == []


def test_reading_that_a_newer_one_overtook_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    here = pool(slow)
    real = module.offload

    def overtaken(read: Callable[[], dict[int, AccountState]]) -> dict[int, AccountState]:
        states = real(read)
        monkeypatch.setattr(module, "offload", real)
        here.cool_down(1, QUOTA, None, NOW, NOW)
        slow.go()
        here.load()
        return states

    monkeypatch.setattr(module, "offload", overtaken)
    here.load()
    assert one(here).cooldown_until == QUOTA.until


def test_change_that_is_not_committed_survives_a_reload() -> None:
    slow = Slow()
    here = pool(slow)
    here.cool_down(1, QUOTA, None, NOW, NOW)
    here.start_session(2, NOW)
    here.load()
    assert (one(here).cooldown_until, one(here, 2).session_start) == (QUOTA.until, NOW)
    slow.go()
    here.load()
    assert (one(here).cooldown_until, row(2).session_start) == (QUOTA.until, NOW)


def test_change_that_had_to_wait_does_not_undo_a_newer_one() -> None:
    slow = Slow()
    here = pool(slow)
    here.cool_down(1, QUOTA, None, NOW, NOW)
    here.served(1, SERVED, NOW + 1, NOW + 2)
    cooled, served = slow.waiting
    for late in (served, cooled):
        with transaction() as session:
            late(session)
        for _ in range(2):
            here.load()
            assert (one(here).cooldown_until, one(here).cooldown_reason) == (None, None)
    assert (row().cooldown_until, row().cooldown_at, row().streak) == (None, None, 0)


def test_change_that_had_to_wait_writes_what_no_newer_one_has_replaced() -> None:
    slow = Slow()
    here = pool(slow)
    here.cool_down(1, replace(BROKEN, until=QUOTA.until), None, NOW, NOW)
    here.cool_down(1, BROKEN, None, NOW + 1, NOW + 1)
    cooled, struck = slow.waiting
    for late in (struck, cooled):
        with transaction() as session:
            late(session)
    assert (row().cooldown_until, row().streak) == (QUOTA.until, 2)


def test_change_that_the_operator_has_replaced_is_not_made_any_more() -> None:
    slow = Slow()
    here = pool(slow)
    here.cool_down(1, QUOTA, None, NOW, NOW)
    here.put(1, {"cooldown_until": None, "cooldown_reason": None})
    slow.go()
    here.load()
    assert (one(here).cooldown_until, row().cooldown_until) == (None, None)


def test_change_that_is_dropped_is_out_of_force_with_the_next_reload() -> None:
    slow = Slow()
    here = pool(slow)
    here.start_session(1, NOW)
    here.note_windows(1, Verdict("served", "serve", windows=(window(),)), NOW)
    here.flush_windows()
    for dropped in slow.dropped:
        dropped()
    here.load()
    assert (one(here).session_start, one(here).windows) == (None, ())


def test_cool_downs_of_two_models_wait_by_themselves() -> None:
    slow = Slow()
    here = pool(slow)
    limited = Verdict("model_quota", "next", until=NOW + MINUTE, scope="model")
    here.cool_down(1, limited, "opus", NOW, NOW)
    here.cool_down(1, limited, "sonnet", NOW, NOW)
    with transaction() as session:
        slow.waiting[1](session)
    for _ in range(2):
        here.load()
        assert set(one(here).model_cooldowns) == {"opus", "sonnet"}


def test_change_of_another_process_shows_once_ours_is_in() -> None:
    here = pool()
    here.cool_down(1, OVERLOADED, None, NOW, NOW)
    with transaction() as session:
        session.execute(update(Account).values(cooldown_until=None, paused_at=NOW))
    here.load()
    assert (one(here).cooldown_until, one(here).paused) == (None, True)


def test_model_cools_alone_and_finished_ones_are_forgotten() -> None:
    here, there = pool(), pool()
    limited = Verdict("model_quota", "next", until=NOW + MINUTE, scope="model")
    assert here.cool_down(1, limited, "opus", NOW, NOW) == NOW + MINUTE
    assert (one(here).cooldown_until, dict(one(here).model_cooldowns)) == (None, {"opus": NOW + MINUTE})
    there.load()
    assert dict(one(there).model_cooldowns) == {"opus": NOW + MINUTE}
    later = replace(limited, until=NOW + 9 * MINUTE)
    here.cool_down(1, later, "sonnet", NOW, NOW + 2 * MINUTE)
    assert dict(one(here).model_cooldowns) == {"sonnet": NOW + 9 * MINUTE}
    assert here.cool_down(1, limited, None, NOW, NOW) is None


def test_windows_are_known_at_once_and_written_together() -> None:
    here, there = pool(), pool()
    here.note_windows(1, Verdict("served", "serve", windows=(window("5h"), window("7d", 0.2))), NOW)
    assert {one.kind: one.utilization for one in one(here).windows} == {"5h": 0.5, "7d": 0.2}
    here.load()
    assert len(one(here).windows) == 2, "they lie over a reload until they are written"
    here.flush_windows()
    there.load()
    assert {one.kind for one in one(there).windows} == {"5h", "7d"}


def test_overage_survives_a_reload_until_it_is_written() -> None:
    slow = Slow()
    here = pool(slow)
    here.note_windows(1, Verdict("served", "serve", windows=(window(),), overage_allowed=True), NOW)
    here.load()
    assert one(here).overage_allowed is True
    here.flush_windows()
    slow.go()
    here.load()
    assert (one(here).overage_allowed, row().overage_allowed) == (True, True)


def test_windows_take_nobodys_overage_back() -> None:
    here, there = pool(), pool()
    here.note_windows(1, Verdict("served", "serve", windows=(window(),), overage_allowed=True), NOW)
    there.note_windows(1, Verdict("served", "serve", windows=(window("7d"),)), NOW)
    for one_of_them in (here, there):
        one_of_them.flush_windows()
    assert row().overage_allowed is True


def test_same_window_is_written_seldom() -> None:
    slow = Slow()
    here = pool(slow)
    for seconds in range(0, 30, 3):
        at = NOW + seconds * SECOND
        here.note_windows(1, Verdict("served", "serve", windows=(window(seen_at=at),)), at)
        here.flush_windows()
    assert len(slow.waiting) == 3


def test_older_window_never_replaces_a_newer_one() -> None:
    here = pool()
    here.note_windows(1, Verdict("served", "serve", windows=(window(utilization=0.9, seen_at=NOW + 5),)), NOW)
    here.note_windows(1, Verdict("served", "serve", windows=(window(utilization=0.1, seen_at=NOW),)), NOW)
    here.flush_windows()
    with reading() as session:
        assert session.execute(select(AccountWindow.utilization)).scalars().all() == [0.9]
    assert [one.utilization for one in one(here).windows] == [0.9]


def test_windows_of_a_removed_account_hold_up_nothing() -> None:
    here = pool()
    with transaction() as session:
        session.query(Account).filter_by(id=1).delete()
    here.note_windows(1, Verdict("served", "serve", windows=(window(),)), NOW)
    here.note_windows(2, Verdict("served", "serve", windows=(window(),)), NOW)
    here.flush_windows()
    assert runtime().commits.waiting == 0
    here.load()
    here.note_windows(2, Verdict("served", "serve", windows=(window(utilization=0.7, seen_at=NOW + 1),)), NOW)
    here.flush_windows()
    with reading() as session:
        assert session.execute(select(AccountWindow.account_id)).scalars().all() == [2]


def test_session_ends_with_the_upstreams_window() -> None:
    here = pool()
    here.start_session(1, NOW)
    assert one(here).session_reset_at is None
    here.note_windows(1, Verdict("served", "serve", windows=(window(reset_at=NOW + 9 * MINUTE),)), NOW)
    assert (one(here).session_reset_at, row().session_reset_at) == (NOW + 9 * MINUTE, NOW + 9 * MINUTE)
    here.note_windows(
        1, Verdict("served", "serve", windows=(window(seen_at=NOW + 1, reset_at=NOW + 99 * MINUTE),)), NOW
    )
    assert one(here).session_reset_at == NOW + 9 * MINUTE
    here.start_session(1, NOW + 10 * MINUTE)
    assert one(here).session_reset_at == NOW + 99 * MINUTE


def test_session_survives_a_cool_down() -> None:
    here = pool()
    here.start_session(1, NOW)
    here.cool_down(1, QUOTA, None, NOW, NOW + SECOND)
    here.served(1, SERVED, NOW + 2 * SECOND, NOW + 3 * SECOND)
    here.load()
    assert one(here).session_start == NOW


def test_secret_that_does_not_open_is_a_fault_of_its_account_alone() -> None:
    with transaction() as session:
        sealed = session.get_one(Account, 2).api_key
        session.get_one(Account, 1).api_key = sealed
    found = pool()
    faults = {number: _fault(found, number) for number in (1, 2)}
    assert faults[2] is None
    assert "does not open" in (faults[1] or "")


def test_secret_that_was_cut_off_is_a_fault_of_its_account_alone() -> None:
    with transaction() as session:
        session.get_one(Account, 1).api_key = runtime().vault.prefix + b"ab"
    found = pool()
    assert _fault(found, 2) is None
    assert "does not open" in (_fault(found, 1) or "")
