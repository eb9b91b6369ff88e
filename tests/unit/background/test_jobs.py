import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from app.accounts import service, windows
from app.accounts.models import AccountWindow
from app.accounts.turns import turns
from app.background import jobs, states
from app.background.jobs import JOBS, POLL, job_named
from app.background.leader import Leader, current
from app.background.models import Lease
from app.background.runner import perform
from app.background.states import JobView
from app.background.work import Work
from app.clock import now_ms
from app.db import reading, transaction
from app.errors import NotFound, Unavailable
from tests.fakes.upstream import invalid_grant, status, usage
from tests.unit.accounts.logins import OPERATOR, Process


@pytest.fixture
def work(here: Process, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    monkeypatch.setattr(jobs, "_STAGGER_S", 0)
    with here.app.app_context():
        yield here


def run(process: Process, name: str, *, is_asked: bool = False) -> JobView:
    leader = Leader("this")
    leader.keep()
    perform(job_named(name), Work(process.run, leader, is_asked))
    leader.resign()
    return next(job for job in jobs.overview().jobs if job.name == name)


def polls(process: Process) -> int:
    return len(process.up.requests(path="/api/oauth/usage"))


def test_every_job_can_run_twice_with_nothing_to_do(work: Process) -> None:
    for job in JOBS * 2:
        view = run(work, job.name)
        assert (view.outcome, view.error) == ("ok", None)


def test_unknown_job_names_the_nearest(work: Process) -> None:
    with pytest.raises(NotFound, match="poll-windows"):
        jobs.request_run("poll-window")


def test_tokens_are_refreshed_before_they_expire(work: Process) -> None:
    pair = work.add(left_s=400)
    assert run(work, "refresh-tokens").result == "1 of 1 tokens refreshed"
    work.settle()
    assert work.secret() != pair["access_token"]
    assert run(work, "refresh-tokens").result == "no token is due"


def test_refresh_that_fails_is_told_by_account(work: Process) -> None:
    work.add(left_s=400)
    work.up.script("*", invalid_grant(), on="token")
    result = run(work, "refresh-tokens").result
    assert result is not None
    assert result.startswith("0 of 1 tokens refreshed; work: ")


def test_each_account_is_polled_when_its_turn_comes(work: Process) -> None:
    work.add("one", left_s=7200)
    work.add("two", left_s=7200)
    view = run(work, POLL)
    assert view.result == "2 accounts polled, 0 of them in vain"
    assert run(work, POLL).result == "no account is due"
    assert polls(work) == 2
    with reading() as session:
        stored = {(row.kind, row.source) for row in session.execute(select(AccountWindow)).scalars()}
        due = min(turn.next_at for turn in turns(session, POLL).values())
    assert {("5h", "poll"), ("7d", "poll")} <= stored
    assert due > now_ms() + 60_000


def test_polls_are_due_soon_enough_for_a_new_account(work: Process) -> None:
    view = run(work, POLL)
    assert view.next_at is not None
    assert now_ms() < view.next_at <= now_ms() + 15_000


def test_asked_poll_does_not_wait_but_for_the_upstream(work: Process) -> None:
    work.add(left_s=7200)
    run(work, POLL)
    run(work, POLL, is_asked=True)
    assert polls(work) == 2
    work.up.script("*", status(429, retry_after=600), on="usage")
    run(work, POLL, is_asked=True)
    assert run(work, POLL, is_asked=True).result == "no account is due"
    assert polls(work) == 3


def test_pause_and_its_reason_outlive_every_job(work: Process) -> None:
    work.add(left_s=400)
    service.pause("work", "overage", OPERATOR)
    work.set(auto_refresh=True)
    work.load()
    before = work.row()
    for job in JOBS:
        run(work, job.name, is_asked=True)
    work.settle()
    after = work.row()
    assert polls(work) == 1
    assert before.pause_reason == "overage"
    for column in ("paused_at", "paused_by", "pause_reason", "cooldown_until", "needs_reauth_at"):
        assert getattr(after, column) == getattr(before, column)


def test_history_is_recorded_from_what_polls_told(work: Process) -> None:
    work.add(left_s=7200)
    work.up.script("*", usage(five_hour=33.0), on="usage")
    run(work, POLL)
    view = run(work, "window-history")
    assert view.result is not None
    assert not view.result.startswith("0 samples")
    (sample,) = windows.samples(work.candidate().id, "5h", 0)
    assert sample.utilization == pytest.approx(0.33)


def test_run_without_a_server_happens_here(work: Process) -> None:
    work.add(left_s=7200)
    view, is_here = jobs.run_now(POLL, within_s=10)
    assert is_here
    assert (view.outcome, view.result) == ("ok", "1 accounts polled, 0 of them in vain")
    holder = current()
    assert holder is not None
    assert not holder.is_alive


def test_run_with_a_server_waits_for_its_result(work: Process) -> None:
    server = Leader("server")
    server.keep()
    noticed = threading.Event()

    def serve() -> None:
        with work.app.app_context():
            while not noticed.wait(0.02):
                if states.schedules().get("payload-size", states.Schedule(None, False)).is_asked:
                    perform(job_named("payload-size"), Work(work.run, server, is_asked=True))
                    noticed.set()

    thread = threading.Thread(target=serve)
    thread.start()
    view, is_here = jobs.run_now("payload-size", within_s=10)
    thread.join()
    assert not is_here
    assert view.result == "0 bodies removed"


def test_server_that_takes_too_long_is_not_waited_for_for_ever(work: Process) -> None:
    Leader("busy server").keep()
    with pytest.raises(Unavailable, match="has not finished payload-size"):
        jobs.run_now("payload-size", within_s=0.3)


def test_server_that_dies_meanwhile_leaves_the_run_to_us(work: Process) -> None:
    Leader("dying server").keep()
    killer = threading.Timer(0.3, _end_the_lease, (work,))
    killer.start()
    _, is_here = jobs.run_now("payload-size", within_s=10)
    killer.join()
    assert is_here


def _end_the_lease(process: Process) -> None:
    with process.app.app_context(), transaction() as session:
        session.execute(update(Lease).values(until=1))
