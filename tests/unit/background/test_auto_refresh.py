from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from app.accounts.turns import turns
from app.background import auto_refresh
from app.background.auto_refresh import GRACE_MS, NAME, WINDOW_MS, is_over
from app.background.leader import Leader
from app.background.work import Done, Work
from app.clock import now_ms
from app.db import reading
from app.usage.ingest import ingest
from app.usage.models import Attempt, Request
from app.values import Candidate, Window
from tests.fakes.upstream import Seen, limited, rst, status
from tests.unit.accounts.logins import Process

NOW = 1_790_000_000_000


@pytest.fixture
def work(here: Process, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    monkeypatch.setattr(auto_refresh, "_SPREAD_S", 0)
    here.add(left_s=7200)
    with here.app.app_context():
        yield here


def switch_on(process: Process) -> None:
    process.set(auto_refresh=True)
    process.load()


def run(process: Process, *, is_asked: bool = False) -> Done:
    leader = Leader("this")
    leader.keep()
    done = auto_refresh.open_windows(Work(process.run, leader, is_asked))
    leader.resign()
    return done


def sent(process: Process) -> list[Seen]:
    return process.up.requests(path="/v1/messages")


def recorded(process: Process) -> list[Request]:
    process.run.recorder.close()
    ingest(process.run.journal_dir)
    with reading() as session:
        return list(session.execute(select(Request)).scalars())


def test_nothing_is_sent_unless_somebody_switched_it_on(work: Process) -> None:
    assert run(work, is_asked=True).result == "no window is over"
    assert sent(work) == []


def test_one_plain_minimal_request_opens_the_window(work: Process) -> None:
    switch_on(work)
    assert run(work).result == "1 windows opened, 0 failed"
    (seen,) = sent(work)
    assert seen.json() == {
        "model": "claude-haiku-4-5",
        "max_tokens": 1,
        "messages": [{"role": "user", "content": "Hello"}],
    }
    assert (seen.header("user-agent") or "").startswith("ccflare/")
    assert seen.header("x-app") is None
    assert {name.lower() for name, _ in seen.headers} <= {
        *("host", "content-type", "accept", "anthropic-version", "user-agent", "accept-encoding", "authorization"),
        *("anthropic-beta", "content-length", "connection"),
    }


def test_open_window_is_left_alone(work: Process) -> None:
    switch_on(work)
    run(work)
    assert run(work).result == "no window is over"
    assert run(work, is_asked=True).result == "no window is over"
    assert len(sent(work)) == 1
    (five,) = [window for window in work.candidate().windows if window.kind == "5h"]
    with reading() as session:
        (turn,) = turns(session, NAME).values()
    assert turn.next_at == (five.reset_at or 0) + GRACE_MS


def test_request_is_labelled_synthetic_and_counts_for_nothing(work: Process) -> None:
    switch_on(work)
    run(work)
    (row,) = recorded(work)
    assert (row.is_synthetic, row.outcome, row.status, row.account_name) == (True, "complete", 200, "work")
    assert (row.strategy, row.model, row.key_id) == (NAME, "claude-haiku-4-5", None)
    assert row.output_tokens is not None
    account = work.row()
    assert (account.request_count, account.last_used_at) == (0, None)
    assert (account.session_start, account.session_reset_at) == (None, None)


def test_model_is_a_setting(work: Process) -> None:
    work.run.settings = replace(work.run.settings, auto_refresh_model="claude-sonnet-4-6")
    switch_on(work)
    run(work)
    assert sent(work)[0].json()["model"] == "claude-sonnet-4-6"


@pytest.mark.parametrize("step", [status(500), status(401), status(429), rst()], ids=["500", "401", "429", "reset"])
def test_failure_backs_off_and_does_not_bench_the_account(work: Process, step: dict[str, object]) -> None:
    switch_on(work)
    work.up.script("*", [step], forever=True)
    before = work.candidate()
    assert run(work).result == "0 windows opened, 1 failed"
    with reading() as session:
        (turn,) = turns(session, NAME).values()
    assert (turn.failures, turn.next_at - turn.at) == (1, 300_000)
    assert run(work).result == "no window is over"
    after = work.candidate()
    assert (after.cooldown_until, after.paused, after.needs_reauth) == (None, False, False)
    assert after.priority == before.priority
    (row,) = recorded(work)
    assert row.is_synthetic
    with reading() as session:
        assert len(list(session.execute(select(Attempt)).scalars())) == 1


def test_window_that_a_refusal_tells_of_is_known(work: Process) -> None:
    switch_on(work)
    work.up.script("*", limited("5h", reset_in_s=3600))
    run(work)
    (five,) = [window for window in work.candidate().windows if window.kind == "5h"]
    assert five.status == "rejected"
    assert not is_over(work.candidate(), now_ms())


def test_paused_account_stays_paused_and_silent(work: Process) -> None:
    work.set(paused_at=1, paused_by="user:ann", pause_reason="holiday")
    switch_on(work)
    run(work, is_asked=True)
    assert sent(work) == []
    row = work.row()
    assert (row.paused_by, row.pause_reason) == ("user:ann", "holiday")


def window(kind: str, reset_at: int | None, state: str | None = None) -> Window:
    return Window(kind, 0.5, reset_at, state, NOW - 1, "header")


@pytest.mark.parametrize(
    ("candidate", "over"),
    [
        pytest.param(Candidate(1, "a", "max"), True, id="no window known"),
        pytest.param(Candidate(1, "a", "max", windows=(window("5h", NOW + 1),)), False, id="window open"),
        pytest.param(Candidate(1, "a", "max", windows=(window("5h", NOW - GRACE_MS),)), True, id="window over"),
        pytest.param(Candidate(1, "a", "max", windows=(window("5h", NOW - 1),)), False, id="only just"),
        pytest.param(Candidate(1, "a", "max", windows=(window("5h", None),)), True, id="polled without a reset"),
        pytest.param(
            Candidate(1, "a", "max", windows=(window("7d", NOW + WINDOW_MS, "rejected"),)), False, id="week spent"
        ),
        pytest.param(Candidate(1, "a", "max", paused=True), False, id="paused"),
        pytest.param(Candidate(1, "a", "max", needs_reauth=True), False, id="log-in ended"),
        pytest.param(Candidate(1, "a", "max", cooldown_until=NOW + 1), False, id="cooling"),
        pytest.param(Candidate(1, "a", "console"), False, id="pay as you go"),
    ],
)
def test_when_a_window_may_be_opened(candidate: Candidate, over: bool) -> None:
    assert is_over(candidate, NOW) is over
