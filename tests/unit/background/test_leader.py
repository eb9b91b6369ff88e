from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import update

from app.background.leader import MARGIN_S, RENEW_S, TTL_S, Leader, NotLeading, current
from app.background.models import JobState, Lease
from app.db import reading, transaction
from tests.databases import ENGINES


class Clock:
    """A monotonic clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def let_the_lease_run_out() -> None:
    with transaction() as session:
        session.execute(update(Lease).values(until=1))


@pytest.mark.usefixtures("app")
class TestLease:
    def test_first_to_ask_leads_and_the_second_does_not(self) -> None:
        first, second = Leader("first"), Leader("second")
        assert first.keep()
        assert not second.keep()
        assert first.keep()
        holder = current()
        assert holder is not None
        assert (holder.owner, holder.generation, holder.is_alive) == ("first", 1, True)
        assert 0 < holder.left_ms <= TTL_S * 1000

    def test_nobody_holds_a_lease_that_never_was(self) -> None:
        assert current() is None

    def test_lease_of_the_dead_is_taken_once_it_has_run_out(self) -> None:
        dead, heir = Leader("dead"), Leader("heir")
        dead.keep()
        assert not heir.keep()
        let_the_lease_run_out()
        assert heir.keep()
        assert heir.generation == 2

    def test_leader_that_was_overtaken_notices_and_does_not_take_it_back(self) -> None:
        old, new = Leader("old"), Leader("new")
        old.keep()
        let_the_lease_run_out()
        new.keep()
        assert not old.keep()
        assert not old.is_leading
        assert new.keep()

    def test_lease_that_ran_out_unwanted_is_renewed(self) -> None:
        leader = Leader("only")
        leader.keep()
        let_the_lease_run_out()
        assert leader.keep()
        assert leader.generation == 1

    def test_leader_cut_off_from_the_database_stops_before_its_lease_ends(self) -> None:
        clock = Clock()
        leader = Leader("cut off", clock=clock)
        leader.keep()
        clock.now += TTL_S - MARGIN_S - 0.01
        assert leader.is_leading
        clock.now += 0.02
        assert not leader.is_leading
        with pytest.raises(NotLeading):
            leader.check()

    def test_leader_renews_early_enough_to_fail_once(self) -> None:
        clock = Clock()
        leader = Leader("steady", clock=clock)
        leader.keep()
        assert not leader.is_due
        clock.now += RENEW_S
        assert leader.is_due
        assert clock.now + RENEW_S < 1000.0 + TTL_S - MARGIN_S

    def test_resigned_lease_is_free_at_once(self) -> None:
        first, second = Leader("first"), Leader("second")
        first.keep()
        first.resign()
        assert not first.is_leading
        assert second.keep()

    def test_late_resignation_does_not_touch_the_lease_of_the_successor(self) -> None:
        old, new = Leader("old"), Leader("new")
        old.keep()
        let_the_lease_run_out()
        new.keep()
        old.resign()
        holder = current()
        assert holder is not None
        assert (holder.owner, holder.is_alive) == ("new", True)

    def test_only_the_present_leader_can_commit(self) -> None:
        old, new = Leader("old"), Leader("new")
        old.keep()
        with old.transaction() as session:
            session.add(JobState(name="by the old"))
        let_the_lease_run_out()
        new.keep()
        with pytest.raises(NotLeading), old.transaction() as session:
            session.add(JobState(name="too late"))
        with reading() as session:
            assert session.get(JobState, "by the old") is not None
            assert session.get(JobState, "too late") is None


def test_of_many_who_ask_at_once_one_leads(app: Flask) -> None:
    barrier = Barrier(8)

    def ask(number: int) -> bool:
        with app.app_context():
            leader = Leader(f"process {number}")
            barrier.wait()
            return leader.keep()

    for _ in range(3):
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(ask, range(8))) == 1
        let_the_lease_run_out()
