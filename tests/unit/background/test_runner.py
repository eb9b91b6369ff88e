from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.background import states
from app.background.leader import Leader, NotLeading
from app.background.models import Lease
from app.background.runner import Runner, perform
from app.background.work import Done, Job, Work
from app.clock import now_ms
from app.db import transaction
from app.runtime import runtime


class Started:
    """A run that begins when the test says so, and may be killed before."""

    def __init__(self, function: Callable[..., None], *args: Any) -> None:
        self.begin = lambda: function(*args)
        self.is_killed = False

    def kill(self, *, block: bool) -> None:
        self.is_killed = True


class Bench:
    """A runner with two jobs, whose runs the test starts by hand."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, bool]] = []
        self.started: list[Started] = []
        self.leader = Leader("this")
        self.often = Job("often", 0.001, "Runs whenever it may", self._note("often"))
        self.rarely = Job("rarely", 3600, "Runs every hour", self._note("rarely"))
        self.broken = Job("broken", 3600, "Fails", self._fail)
        self.runner = Runner(runtime(), self.leader, (self.often, self.rarely, self.broken), self._spawn)

    def _note(self, name: str) -> Callable[[Work], Done]:
        def run(work: Work) -> Done:
            self.ran.append((name, work.is_asked))
            return Done("done")

        return run

    def _fail(self, work: Work) -> Done:
        raise ValueError("no luck")

    def _spawn(self, function: Callable[..., None], *args: Any) -> Started:
        self.started.append(Started(function, *args))
        return self.started[-1]

    def begin_all(self) -> None:
        begun, self.started = self.started, []
        for one in begun:
            one.begin()

    def wait_until_due(self) -> None:
        """Let every first run be due: as if the time until then had passed."""
        self.runner._next = dict.fromkeys(self.runner._next, 0)


@pytest.fixture
def bench(app: Flask) -> Bench:
    return Bench()


def take_the_lease_away() -> None:
    with transaction() as session:
        session.execute(update(Lease).values(until=1))
    assert Leader("another").keep()


def test_process_that_does_not_lead_runs_nothing(bench: Bench) -> None:
    assert Leader("another").keep()
    bench.runner.lead()
    bench.runner.ask()
    bench.runner.tick()
    assert bench.started == []


def test_leader_runs_what_is_due_once_and_writes_it_down(bench: Bench) -> None:
    bench.runner.lead()
    bench.wait_until_due()
    bench.runner.tick()
    bench.runner.tick()
    assert len(bench.started) == 3
    bench.begin_all()
    assert bench.ran == [("often", False), ("rarely", False)]
    outcomes = {job.name: job.outcome for job in states.background((bench.often, bench.rarely, bench.broken)).jobs}
    assert outcomes == {"often": "ok", "rarely": "ok", "broken": "failed"}


def test_job_never_overlaps_itself_and_runs_again_when_due(bench: Bench) -> None:
    bench.runner.lead()
    bench.wait_until_due()
    bench.runner.tick()
    (first,) = [one for one in bench.started[:1]]
    bench.wait_until_due()
    bench.runner.tick()
    assert len(bench.started) == 3
    first.begin()
    bench.runner._next["often"] = 0
    bench.runner.tick()
    assert len(bench.started) == 4


def test_failure_is_told_and_the_job_is_due_again(bench: Bench) -> None:
    bench.leader.keep()
    next_at = perform(bench.broken, Work(runtime(), bench.leader))
    assert next_at > now_ms() + 1_000_000
    (view,) = states.background((bench.broken,)).jobs
    assert (view.outcome, view.error, view.failures, view.next_at) == ("failed", "ValueError: no luck", 1, next_at)


def test_job_may_say_itself_when_it_is_needed_again(bench: Bench) -> None:
    bench.leader.keep()
    job = Job("knowing", 3600, "Knows", lambda _: Done("well", next_at=4242))
    assert perform(job, Work(runtime(), bench.leader)) == 4242


def test_asked_run_begins_at_once_and_knows_that_it_was_asked(bench: Bench) -> None:
    bench.runner.lead()
    bench.runner._next = {"rarely": now_ms() + 10**9}
    ticket = states.ask(bench.rarely)
    bench.runner.ask()
    bench.runner.tick()
    bench.begin_all()
    assert bench.ran == [("rarely", True)]
    assert states.is_answered(bench.rarely, ticket)
    bench.runner.ask()
    bench.runner.tick()
    assert bench.started == []


def test_schedule_outlives_its_leader(bench: Bench) -> None:
    bench.leader.keep()
    planned = perform(bench.rarely, Work(runtime(), bench.leader))
    bench.leader.resign()
    successor = Bench()
    successor.runner.lead()
    assert successor.runner._next["rarely"] == planned


def test_runs_stop_when_the_lease_is_lost(bench: Bench) -> None:
    bench.runner.lead()
    bench.wait_until_due()
    bench.runner.tick()
    take_the_lease_away()
    bench.leader._renew_at = 0
    bench.runner.lead()
    bench.runner.tick()
    assert [one.is_killed for one in bench.started] == [True, True, True]


def test_run_that_began_too_late_does_nothing(bench: Bench) -> None:
    bench.runner.lead()
    bench.wait_until_due()
    bench.runner.tick()
    take_the_lease_away()
    bench.begin_all()
    assert bench.ran == []


def test_job_that_is_told_to_stop_is_no_failure(bench: Bench) -> None:
    bench.leader.keep()

    def long(work: Work) -> Done:
        take_the_lease_away()
        with work.leader.transaction():
            raise AssertionError("an old leader got a transaction")

    with pytest.raises(NotLeading):
        perform(Job("long", 60, "Takes long", long), Work(runtime(), bench.leader))


def test_draining_process_gives_the_lease_to_another(bench: Bench) -> None:
    bench.runner.lead()
    bench.wait_until_due()
    bench.runner.tick()
    runtime().flights.is_stopping = lambda: True
    bench.runner.lead()
    assert all(one.is_killed for one in bench.started)
    assert Leader("another").keep()
    bench.runner.lead()
    assert not bench.leader.is_leading


def test_closing_process_gives_the_lease_back(bench: Bench) -> None:
    bench.runner.lead()
    bench.runner.close()
    assert Leader("another").keep()
