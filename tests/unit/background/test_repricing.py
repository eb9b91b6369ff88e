"""The job that prices requests anew."""

import pytest

from app.audit import SYSTEM
from app.background.leader import Leader, NotLeading
from app.background.repricing import reprice_asked
from app.background.work import Work
from app.db import reading
from app.runtime import runtime
from app.usage import reprice as room
from app.usage.models import Request
from app.usage.prices import set_prices
from app.usage.pricing import Rates
from app.usage.reprice import ask, asked
from tests.unit.usage.records import NOW, end, put

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_BATCH", 5)


def work() -> Work:
    leader = Leader("this")
    leader.keep()
    return Work(runtime(), leader, is_asked=True)


def cost(request_id: int) -> int | None:
    with reading() as session:
        row = session.get(Request, request_id)
        assert row is not None
        return row.cost


def test_nothing_is_priced_anew_unasked() -> None:
    head = end(NOW, model_served="mine")
    put(head)
    set_prices({"mine": Rates(1_000_000, 0, 0, 0, 0)}, SYSTEM)
    assert reprice_asked(work()).result == "nothing was asked for"
    assert cost(head["id"]) is None


def test_all_that_was_asked_for_is_priced_anew() -> None:
    heads = [end(NOW + at, model_served="mine") for at in range(12)]
    put(*heads)
    set_prices({"mine": Rates(1_000_000, 0, 0, 0, 0)}, SYSTEM)
    ask(SYSTEM, NOW, NOW + 6)
    ask(SYSTEM, NOW + 8)
    assert reprice_asked(work()).result == "looked at 10 requests, changed the cost of 10"
    assert [cost(head["id"]) for head in heads] == [100] * 6 + [None] * 2 + [100] * 4
    assert asked() == ()


def test_what_a_leader_left_undone_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    put(*(end(NOW + at, model_served="mine") for at in range(12)))
    set_prices({"mine": Rates(1_000_000, 0, 0, 0, 0)}, SYSTEM)
    ask(SYSTEM)
    lost = work()
    monkeypatch.setattr(lost.leader, "_acts_until", 0.0)
    with pytest.raises(NotLeading):
        reprice_asked(lost)
    (left,) = asked()
    assert left.share > 0
    lost.leader.resign()
    assert reprice_asked(work()).result == "looked at 7 requests, changed the cost of 7"
