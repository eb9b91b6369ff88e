"""A poll that a person wants now."""

import pytest

from app.accounts.turns import Turn, note_turn, turns
from app.background.asked_polls import poll_account
from app.background.jobs import POLL
from app.clock import now_ms
from app.db import reading, transaction
from app.errors import Conflict, NotFound, TooMany, UpstreamFailed
from tests.fakes.upstream import status, usage
from tests.unit.accounts.logins import Process

USAGE = "/api/oauth/usage"


@pytest.fixture
def work(here: Process) -> Process:
    here.add(left_s=3600)
    return here


def poll(process: Process, account_id: int | None = None) -> None:
    with process.app.app_context():
        poll_account(process.run, process.candidate().id if account_id is None else account_id)


def last(process: Process) -> Turn | None:
    with process.app.app_context(), reading() as session:
        return turns(session, POLL).get(process.candidate().id)


def note(process: Process, *, is_asked_to_wait: bool) -> None:
    at = now_ms()
    turn = Turn(process.candidate().id, at, at + 60_000, is_asked_to_wait)
    with process.app.app_context(), transaction() as session:
        note_turn(session, POLL, turn)


def test_windows_are_in_force_and_stored_and_the_turn_is_noted(work: Process) -> None:
    work.up.script("*", usage(five_hour=42.0), on="usage")
    poll(work)
    work.load()
    assert {window.kind: window.utilization for window in work.candidate().windows}["5h"] == 0.42
    turn = last(work)
    assert turn is not None
    assert (turn.error, turn.next_at > turn.at) == (None, True)


def test_poll_comes_before_its_turn_when_it_is_wanted(work: Process) -> None:
    note(work, is_asked_to_wait=False)
    poll(work)
    assert len(work.up.requests(path=USAGE)) == 1


def test_wait_that_the_upstream_asked_for_is_kept(work: Process) -> None:
    note(work, is_asked_to_wait=True)
    with pytest.raises(TooMany) as caught:
        poll(work)
    assert 0 < (caught.value.retry_after_s or 0) <= 60
    assert work.up.requests(path=USAGE) == []


def test_failure_is_told_and_noted(work: Process) -> None:
    work.up.script("*", [status(500)], on="usage", forever=True)
    with pytest.raises(UpstreamFailed, match="work: the usage endpoint answered 500"):
        poll(work)
    turn = last(work)
    assert turn is not None
    assert (turn.failures, turn.error) == (1, "the usage endpoint answered 500")


def test_account_that_is_not_there_is_not_found(work: Process) -> None:
    with pytest.raises(NotFound):
        poll(work, 999)


def test_account_whose_log_in_has_ended_is_not_asked(work: Process) -> None:
    work.set(needs_reauth_at=1)
    work.load()
    with pytest.raises(Conflict, match="log-in has ended"):
        poll(work)
    assert (work.up.requests(path=USAGE), last(work)) == ([], None)
