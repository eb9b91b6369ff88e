import pytest
from flask import Flask

from app.accounts.models import Account
from app.accounts.turns import Turn, backed_off_ms, is_due, note_turn, turns
from app.db import reading, transaction

NOW = 1_790_000_000_000


@pytest.mark.parametrize(
    ("turn", "is_asked", "due"),
    [
        pytest.param(None, False, True, id="never had one"),
        pytest.param(Turn(1, NOW - 9, NOW), False, True, id="time has come"),
        pytest.param(Turn(1, NOW - 9, NOW + 1), False, False, id="not yet"),
        pytest.param(Turn(1, NOW - 9, NOW + 1, failures=3), True, True, id="a person does not wait for a back-off"),
        pytest.param(Turn(1, NOW - 9, NOW + 1, is_asked_to_wait=True), True, False, id="the upstream's wait stands"),
        pytest.param(Turn(1, NOW - 9, NOW, is_asked_to_wait=True), False, True, id="until it is over"),
    ],
)
def test_turn_is_due(turn: Turn | None, is_asked: bool, due: bool) -> None:
    assert is_due(turn, NOW, is_asked=is_asked) is due


@pytest.mark.parametrize(
    ("failures", "wait"), [(0, 90), (1, 90), (2, 180), (3, 360), (5, 1440), (6, 1800), (500, 1800)]
)
def test_wait_doubles_up_to_its_cap(failures: int, wait: int) -> None:
    assert backed_off_ms(90, failures, 1800) == wait


def test_turn_is_kept_by_job_and_account_and_replaced_by_the_next(app: Flask) -> None:
    with transaction() as session:
        session.add(Account(id=7, name="work", provider="max", created_at=1))
        session.flush()
        note_turn(session, "poll", Turn(7, 10, 20, failures=1, error="no luck"))
        note_turn(session, "poll", Turn(7, 30, 40))
        note_turn(session, "other", Turn(7, 50, 60, is_asked_to_wait=True))
    with reading() as session:
        assert turns(session, "poll") == {7: Turn(7, 30, 40)}
        assert turns(session, "other") == {7: Turn(7, 50, 60, is_asked_to_wait=True)}


def test_turn_of_an_account_that_was_removed_is_dropped(app: Flask) -> None:
    with transaction() as session:
        note_turn(session, "poll", Turn(404, 10, 20))
    with reading() as session:
        assert turns(session, "poll") == {}
