import pytest
from sqlalchemy import update

from app.background import states
from app.background.leader import Leader, NotLeading
from app.background.models import Lease
from app.background.work import Done, Job
from app.db import transaction
from tests.databases import ENGINES

pytestmark = pytest.mark.usefixtures("app")

JOB = Job("tidy", 60, "Tidies up", lambda _: Done("tidied"))


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def leader() -> Leader:
    found = Leader("this")
    assert found.keep()
    return found


def shown() -> states.JobView:
    return states.background((JOB,)).jobs[0]


def test_job_that_never_ran_is_shown_with_what_it_does() -> None:
    view = shown()
    assert (view.name, view.what, view.outcome, view.started_at, view.runs) == ("tidy", "Tidies up", "never", None, 0)
    assert states.background((JOB,)).leader is None


def test_run_is_seen_while_it_lasts_and_afterwards(leader: Leader) -> None:
    ticket = states.note_start(leader, JOB)
    assert shown().outcome == "running"
    states.note_end(leader, JOB, ticket, Done("3 things"), next_at=77)
    view = shown()
    assert (view.outcome, view.result, view.error, view.next_at, view.runs) == ("ok", "3 things", None, 77, 1)
    assert view.duration_ms is not None
    assert states.background((JOB,)).leader == "this"


def test_failures_in_a_row_are_counted_and_told_without_secrets(leader: Leader) -> None:
    for _ in range(2):
        states.note_end(leader, JOB, states.note_start(leader, JOB), "OSError: Bearer sk-ant-oat01-abcdefgh", next_at=1)
    view = shown()
    assert (view.outcome, view.failures, view.runs, view.result) == ("failed", 2, 2, None)
    assert view.error is not None
    assert view.error.startswith("OSError")
    assert "abcdefgh" not in view.error
    states.note_end(leader, JOB, states.note_start(leader, JOB), Done("well again"), next_at=1)
    assert (shown().outcome, shown().failures, shown().error) == ("ok", 0, None)


def test_run_that_its_leader_did_not_survive_is_interrupted(leader: Leader) -> None:
    states.note_start(leader, JOB)
    with transaction() as session:
        session.execute(update(Lease).values(until=1))
    assert shown().outcome == "interrupted"
    assert Leader("next").keep()
    assert shown().outcome == "interrupted"


def test_leader_of_the_past_writes_nothing_down(leader: Leader) -> None:
    ticket = states.note_start(leader, JOB)
    with transaction() as session:
        session.execute(update(Lease).values(until=1))
    assert Leader("next").keep()
    with pytest.raises(NotLeading):
        states.note_end(leader, JOB, ticket, Done("too late"), next_at=1)
    with pytest.raises(NotLeading):
        states.note_start(leader, JOB)
    assert shown().result is None


def test_request_is_answered_by_a_run_that_began_after_it(leader: Leader) -> None:
    running = states.note_start(leader, JOB)
    ticket = states.ask(JOB)
    states.note_end(leader, JOB, running, Done("began before"), next_at=1)
    assert not states.is_answered(JOB, ticket)
    assert states.schedules()["tidy"].is_asked
    assert shown().is_waiting
    states.note_end(leader, JOB, states.note_start(leader, JOB), Done("began after"), next_at=1)
    assert states.is_answered(JOB, ticket)
    assert not states.schedules()["tidy"].is_asked
    assert not shown().is_waiting


def test_one_run_answers_all_who_asked_before_it(leader: Leader) -> None:
    tickets = [states.ask(JOB) for _ in range(3)]
    states.note_end(leader, JOB, states.note_start(leader, JOB), Done(""), next_at=1)
    assert [states.is_answered(JOB, ticket) for ticket in tickets] == [True] * 3


def test_request_for_a_job_that_never_ran_is_kept() -> None:
    assert not states.is_answered(JOB, 1)
    assert states.ask(JOB) == 1
    assert states.schedules() == {"tidy": states.Schedule(None, is_asked=True)}
