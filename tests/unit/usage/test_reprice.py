import random

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.audit import SYSTEM
from app.db import reading, transaction
from app.usage import reprice as room
from app.usage.models import Mark, Request
from app.usage.prices import remove_price, set_prices
from app.usage.pricing import Rates
from app.usage.reprice import reprice
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
