from dataclasses import replace

import pytest

from app.usage.cache_losses import LONG_TTL_MS, SHORT_TTL_MS, Turn, loss, losses
from app.usage.pricing import Rates
from app.values import Tokens

BEFORE = Turn(1, 0, 1, "work", "claude-sonnet-4-5", Tokens(10, 10, 40_000, 10_000, 0, 0))
AFTER = Turn(2, 1000, 1, "work", "claude-sonnet-4-5", Tokens(10, 10, 0, 50_000, 0, 0))


@pytest.mark.parametrize(
    ("turn", "cause"),
    [
        (replace(AFTER, account_id=2, account_name="home", model="x"), "account_switched"),
        (replace(AFTER, model="claude-opus-4-5"), "model_changed"),
        (replace(AFTER, started_at=SHORT_TTL_MS + 1), "idle"),
        (replace(AFTER, started_at=SHORT_TTL_MS), "unknown"),
    ],
    ids=["account", "model", "idle", "none of these"],
)
def test_cause_is_what_explains_the_loss(turn: Turn, cause: str) -> None:
    found = loss(BEFORE, turn)
    assert found is not None
    assert (found.cause, found.lost_tokens) == (cause, 50_000)


def test_cache_of_an_hour_lasts_an_hour() -> None:
    before = replace(BEFORE, tokens=Tokens(10, 10, 40_000, 0, 10_000, 0))
    for idle, cause in ((LONG_TTL_MS, "unknown"), (LONG_TTL_MS + 1, "idle")):
        found = loss(before, replace(AFTER, started_at=idle))
        assert found is not None
        assert (found.cause, found.ttl_ms) == (cause, LONG_TTL_MS)


@pytest.mark.parametrize(
    ("had", "read"),
    [(50_000, 50_000), (50_000, 60_000), (50_000, 45_001), (1_000, 0), (50_000, None)],
    ids=["all read", "more read", "a tenth", "too little to cache", "not known"],
)
def test_what_is_no_loss_is_not_told(had: int, read: int | None) -> None:
    before = replace(BEFORE, tokens=Tokens(1, 1, had, 0, 0, 0))
    assert loss(before, replace(AFTER, tokens=Tokens(1, 1, read, 9, 0, 0))) is None


@pytest.mark.parametrize(
    ("tokens", "rewrite"),
    [
        (Tokens(10, 10, 0, 50_000, 0, 0), 50_000 * (3.75 - 0.3)),
        (Tokens(10, 10, 0, 0, 60_000, 0), 50_000 * (6 - 0.3)),
        (Tokens(50_010, 10, 0, 0, 0, 0), 50_000 * (3 - 0.3)),
        (Tokens(0, 10, 0, 20_000, 0, 0), 20_000 * (3.75 - 0.3)),
    ],
    ids=["5 min", "1 h", "plain input", "shorter prompt"],
)
def test_rewrite_costs_what_was_paid_beyond_reading(tokens: Tokens, rewrite: float) -> None:
    found = loss(BEFORE, replace(AFTER, tokens=tokens))
    assert found is not None
    assert found.rewrite_micro_usd == round(rewrite)


def test_model_without_a_price_has_no_known_rewrite_unless_the_operator_gave_one() -> None:
    before, turn = replace(BEFORE, model="mine"), replace(AFTER, model="mine")
    found = loss(before, turn)
    assert found is not None
    assert found.rewrite_micro_usd is None
    priced = loss(before, turn, {"mine": Rates(1_000_000, 1_000_000, 0, 2_000_000)})
    assert priced is not None
    assert priced.rewrite_micro_usd == 100_000


def test_requests_that_used_no_cache_are_passed_over() -> None:
    failed = replace(AFTER, id=3, tokens=Tokens())
    assert [one.request_id for one in losses([BEFORE, failed, AFTER])] == [2]
