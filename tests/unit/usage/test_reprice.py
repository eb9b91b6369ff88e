import random

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.audit import SYSTEM, Actor, EntryFilter, entries
from app.db import reading, transaction
from app.errors import InvalidInput
from app.usage import reprice as room
from app.usage.models import Mark, Request
from app.usage.prices import remove_price, set_prices
from app.usage.pricing import Rates
from app.usage.reprice import ask, asked, next_asked, reprice
from tests.unit.usage.records import NOW, anything, check_sums, end, put, start

DAY = 86_400_000


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_BATCH", 7)


def costs() -> dict[int, int | None]:
    with reading() as session:
        return {request_id: cost for request_id, cost in session.execute(select(Request.id, Request.cost))}


def test_all_sums_follow_new_prices_and_come_back_with_the_old_ones(app: Flask) -> None:
    rng = random.Random(1)
    put(*(anything(rng, NOW - rng.randint(0, 3 * DAY)) for _ in range(60)), start(end(NOW)))
    before = costs()
    rates = Rates(1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 10_000_000_000)
    set_prices({"nobody-knows-1": rates, "claude-opus-4-5": rates}, SYSTEM)
    *_, done = reprice(SYSTEM)
    assert (done.seen, done.is_done, done.share) == (61, True, 1.0)
    assert 0 < done.changed < 61
    assert done.after_micro_usd == sum(cost or 0 for cost in costs().values())
    assert done.before_micro_usd == sum(cost or 0 for cost in before.values())
    check_sums()
    *_, again = reprice(SYSTEM)
    assert again.changed == 0
    for model in ("nobody-knows-1", "claude-opus-4-5"):
        remove_price(model, SYSTEM)
    *_, back = reprice(SYSTEM)
    assert back.changed == done.changed
    assert costs() == before
    check_sums()


def test_interrupted_run_goes_on_where_it_was(app: Flask) -> None:
    put(*(end(NOW + at, model_served="mine") for at in range(20)))
    set_prices({"mine": Rates(input=1_000_000)}, SYSTEM)
    run = reprice(SYSTEM)
    assert next(run).seen == 7
    run.close()
    assert [step.seen for step in reprice(SYSTEM)] == [7, 13, 13]
    with reading() as session:
        assert session.execute(select(Mark)).first() is None
    run = reprice(SYSTEM)
    next(run)
    run.close()
    assert list(reprice(SYSTEM, restart=True))[-1].seen == 20
    check_sums()


def test_only_what_began_since_is_priced_anew(app: Flask) -> None:
    put(end(NOW - DAY, model_served="mine"), end(NOW, model_served="mine"))
    set_prices({"mine": Rates(1_000_000, 0, 0, 0, 0)}, SYSTEM)
    list(reprice(SYSTEM, since=NOW - 1000))
    assert sorted(costs().values(), key=lambda cost: cost or 0) == [None, 100]


def test_time_to_look_at_ends_where_it_is_told(app: Flask) -> None:
    put(end(NOW - DAY, model_served="mine"), end(NOW, model_served="mine"))
    set_prices({"mine": Rates(1_000_000, 0, 0, 0, 0)}, SYSTEM)
    list(reprice(SYSTEM, until=NOW))
    assert sorted(costs().values(), key=lambda cost: cost or 0) == [None, 100]


@pytest.mark.parametrize(
    ("since", "until"),
    [(5, 5), (6, 5), (1 << 53, None), ((1 << 53) - 1, 1 << 53)],
    ids=["empty", "turned", "future", "far future"],
)
def test_time_that_holds_no_request_is_refused(app: Flask, since: int, until: int | None) -> None:
    for verb in (reprice, ask):
        with pytest.raises(InvalidInput, match="from: lies"):
            verb(SYSTEM, since, until)
    assert asked() == ()


@pytest.mark.parametrize("until", [None, 0, 1 << 53])
def test_nothing_recorded_is_nothing_to_do(app: Flask, until: int | None) -> None:
    *_, done = reprice(SYSTEM, until=until)
    assert (done.seen, done.share, done.is_done) == (0, 1.0, True)


def test_share_is_that_of_the_time_in_which_there_are_requests(app: Flask) -> None:
    put(*(end(NOW + at * DAY) for at in range(15)))
    shares = [step.share for step in reprice(SYSTEM)]
    assert shares == [pytest.approx(6 / 14, abs=0.01), pytest.approx(13 / 14, abs=0.01), pytest.approx(1), 1.0]


def test_what_was_asked_for_waits_for_the_one_who_runs_it(app: Flask) -> None:
    put(*(end(NOW + at, model_served="mine") for at in range(10)))
    set_prices({"mine": Rates(1_000_000, 0, 0, 0, 0)}, SYSTEM)
    ask(SYSTEM, NOW, NOW + 10)
    (waiting,) = asked()
    assert (waiting.start, waiting.end, waiting.share) == (NOW, NOW + 10, 0)
    assert set(costs().values()) == {None}
    run = next_asked()
    assert run is not None
    assert next(run).changed == 7
    run.close()
    assert 0 < asked()[0].share < 1
    again = next_asked()
    assert again is not None
    assert [step.changed for step in again] == [3, 3]
    assert set(costs().values()) == {100}
    assert (asked(), next_asked()) == ((), None)
    check_sums()


def test_wider_question_takes_the_place_of_narrower_ones_and_begins_anew(app: Flask) -> None:
    put(*(end(NOW + at) for at in range(10)))
    ask(SYSTEM, NOW + 2, NOW + 9)
    running = next_asked()
    assert running is not None
    next(running)
    ask(SYSTEM, NOW + 5, NOW + 10)
    assert len(asked()) == 2
    ask(SYSTEM)
    (waiting,) = asked()
    assert (waiting.start, waiting.share) == (NOW, 0)
    assert [step.is_done for step in running] == [True]
    ask(SYSTEM)
    assert len(asked()) == 1


def test_question_is_in_the_audit_log(app: Flask) -> None:
    ask(Actor("ann", "192.0.2.1"))
    (entry,) = entries(EntryFilter(action="price.reprice"), 9)
    assert entry.actor == "ann"


def test_sums_that_were_forgotten_do_not_come_back(app: Flask) -> None:
    from app.usage.models import Rollup  # noqa: PLC0415
    from app.usage.retention import forget_sums  # noqa: PLC0415

    put(end(NOW, model_served="mine"))
    with transaction() as session:
        forget_sums(session, NOW + 3 * DAY, NOW + 3 * DAY, 100)
        session.execute(update(Request).values(cost=5))
    list(reprice(SYSTEM))
    with reading() as session:
        assert set(session.execute(select(Rollup.span_ms)).scalars()) == {DAY, 7 * DAY}
