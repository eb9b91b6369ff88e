"""Prices: exact against the table's source, by class, by date, by name; unknown is None and never zero."""

import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data import providers
from genai_prices.types import ModelInfo, ModelPrice
from hypothesis import given
from hypothesis import strategies as st

from app.usage.pricing import CLASSES, Cost, Rates, price, price_version
from app.values import Tokens

AT = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()) * 1000
OPUS = "claude-opus-4-8"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def priced(model: str, tokens: Tokens, at_ms: int = AT, **more: object) -> Cost:
    cost = price(model, tokens, at_ms, **more)
    assert cost is not None
    return cost


def test_every_class_has_its_price() -> None:
    million = 10**6
    assert priced(OPUS, Tokens(million, million, million, million, million, 1000)) == Cost(
        input=5_000_000,
        output=25_000_000,
        cache_read=500_000,
        cache_write_5m=6_250_000,
        cache_write_1h=10_000_000,
        web_search=10_000_000,
        total=56_750_000,
        price_version=price_version(),
    )


def test_zero_costs_zero_and_unknown_costs_unknown() -> None:
    cost = priced(OPUS, Tokens(input=0, output=10, cache_read=None))
    assert (cost.input, cost.output, cost.cache_read, cost.web_search, cost.total) == (0, 250, None, None, 250)
    assert cost.unpriced == ()


def test_nothing_known_has_no_total() -> None:
    assert priced(OPUS, Tokens()).total is None


@pytest.mark.parametrize("model", ["", "llama3", "claude", "claude-opus-9", "gpt", "anthropic.claude-opus-9-v1:0", "/"])
def test_an_unknown_model_has_no_cost(model: str) -> None:
    assert price(model, Tokens(input=1, output=1), AT) is None


def test_a_class_without_a_price_is_named_and_leaves_no_total() -> None:
    cost = priced("glm-4.6", Tokens(input=1000, output=1000, cache_write_1h=5))
    assert (cost.input, cost.output, cost.cache_write_1h, cost.total) == (600, 2200, None, None)
    assert cost.unpriced == ("cache_write_1h",)


def test_a_class_without_a_price_that_did_not_occur_does_not_matter() -> None:
    assert priced("glm-4.6", Tokens(input=1000, output=0, cache_write_1h=0)).total == 600


@pytest.mark.parametrize(
    ("count", "cost"),
    [pytest.param(1, 3, id="2.5 goes up"), pytest.param(3, 8, id="7.5 goes up"), pytest.param(2, 5, id="5 stays")],
)
def test_a_class_is_rounded_half_up(count: int, cost: int) -> None:
    assert priced("claude-sonnet-5", Tokens(cache_write_5m=count)).cache_write_5m == cost


def test_batches_cost_half_but_for_searches() -> None:
    tokens = Tokens(1000, 1000, 1000, 1000, 1000, 10)
    full, half = priced(OPUS, tokens), priced(OPUS, tokens, batch=True)
    assert half.web_search == full.web_search == 100_000
    assert [getattr(half, name) * 2 for name in CLASSES[:-1]] == [getattr(full, name) for name in CLASSES[:-1]]


@pytest.mark.parametrize(
    ("tokens", "cost"),
    [
        pytest.param(Tokens(input=200_000, output=1000), (600_000, 15_000), id="at the step"),
        pytest.param(Tokens(input=200_001, output=1000), (1_200_006, 22_500), id="behind the step"),
        pytest.param(Tokens(input=1000, cache_read=199_000, output=1000), (3000, 15_000), id="cached counts, at"),
        pytest.param(
            Tokens(input=1000, cache_write_1h=199_001, output=1000), (6000, 22_500), id="cached counts, behind"
        ),
    ],
)
def test_a_long_prompt_changes_the_rate_of_all_tokens(tokens: Tokens, cost: tuple[int, int]) -> None:
    found = priced("claude-sonnet-4-5", tokens)
    assert (found.input, found.output) == cost


@pytest.mark.parametrize(
    ("moment", "cost"),
    [
        pytest.param("2026-03-12T23:59:59.999", 1_200_006, id="the day before"),
        pytest.param("2026-03-13T00:00:00", 600_003, id="from the day on"),
        pytest.param("1999-01-01T00:00:00", 1_200_006, id="before everything"),
    ],
)
def test_prices_change_at_their_date(moment: str, cost: int) -> None:
    assert priced("claude-sonnet-4-6", Tokens(input=200_001), at(moment)).input == cost


@pytest.mark.parametrize(
    "model",
    [
        "claude-opus-4-8",
        "claude-opus-4-8-20260601",
        "claude-opus-4-8-latest",
        "claude-opus-4-8[1m]",
        "claude-opus-4.8",
        "CLAUDE-OPUS-4-8",
        "anthropic/claude-opus-4-8",
        "openrouter/anthropic/claude-opus-4.8",
        "anthropic/claude-opus-4.8:beta",
        "claude-opus-4-8@20260601",
        "publishers/anthropic/models/claude-opus-4-8@default",
        "global.anthropic.claude-opus-4-8-v1:0",
        "arn:aws:bedrock:us-east-1:1:inference-profile/global.anthropic.claude-opus-4-8-v1:0",
    ],
)
def test_names_of_one_model(model: str) -> None:
    assert priced(model, Tokens(1000, 1000, 1000, 1000, 1000)).total == 5000 + 25000 + 500 + 6250 + 10000


@pytest.mark.parametrize(
    ("model", "input_cost"),
    [
        pytest.param("claude-sonnet-4-5-20250929", 3000, id="dated"),
        pytest.param("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 3300, id="Bedrock in a region"),
        pytest.param("anthropic.claude-3-haiku-20240307-v1:0", 250, id="Bedrock of old"),
        pytest.param("claude-sonnet-4-5@20250929", 3000, id="Vertex"),
        pytest.param("claude-fable-5@20260101", 10_000, id="Vertex, exact names"),
        pytest.param("claude-3-5-haiku-latest", 800, id="latest"),
        pytest.param("claude-sonnet-5-latest", 2000, id="latest, exact names"),
        pytest.param("z-ai/glm-4.6", 600, id="z.ai through a router"),
        pytest.param("GLM-4.6", 600, id="z.ai"),
        pytest.param("MiniMax-M2", 300, id="minimax"),
        pytest.param("kimi-k2-thinking", 600, id="moonshot"),
        pytest.param("gpt-5.2-2025-12-11", 1750, id="openai"),
        pytest.param("gpt-5.2-20251211", 1750, id="openai, date without dashes"),
        pytest.param("models/gemini-2.5-pro", 1250, id="google"),
    ],
)
def test_names_of_many_models(model: str, input_cost: int) -> None:
    assert priced(model, Tokens(input=1000)).input == input_cost


def test_an_operators_price_goes_before_the_table() -> None:
    overrides = {OPUS: Rates(input=1_000_000, output=2_000_000)}
    for model in (OPUS, f"anthropic/{OPUS}", OPUS.upper()):
        cost = priced(model, Tokens(10, 10, 0, 8, 8), overrides=overrides)
        assert (cost.input, cost.output, cost.cache_write_5m, cost.cache_write_1h) == (10, 20, 10, 16)
        assert re.fullmatch(r"override-[0-9a-f]{8}", cost.price_version)


def test_an_operators_price_prices_an_unknown_model() -> None:
    cost = priced("my-model", Tokens(input=10, cache_write_5m=1), overrides={"my-model": Rates(input=500_000)})
    assert (cost.input, cost.total, cost.unpriced) == (5, None, ("cache_write_5m",))


def test_other_models_keep_the_tables_price() -> None:
    assert priced(OPUS, Tokens(input=1000), overrides={"my-model": Rates(input=1)}).input == 5000


def test_versions_of_operators_prices_differ() -> None:
    first, second = (priced("x", Tokens(), overrides={"x": Rates(input=rate)}).price_version for rate in (1, 2))
    assert first != second


def test_the_version_is_a_day_and_a_hash() -> None:
    assert re.fullmatch(r"20\d\d-\d\d-\d\d-[0-9a-f]{8}", price_version())
    assert len(price_version()) <= 40


COUNTS = st.one_of(st.none(), st.integers(0, 10**9))
TOKENS = st.builds(Tokens, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, st.one_of(st.none(), st.integers(0, 1000)))
MODELS = st.sampled_from([OPUS, "claude-sonnet-4-5", "claude-haiku-5-5", "claude-3-haiku", "glm-4.6", "gpt-4o"])


@given(model=MODELS, tokens=TOKENS, batch=st.booleans())
def test_the_total_is_the_sum_of_the_classes(model: str, tokens: Tokens, batch: bool) -> None:
    cost = priced(model, tokens, batch=batch)
    costs = [getattr(cost, name) for name in CLASSES]
    known = [one for one in costs if one is not None]
    assert cost.total == (sum(known) if known and not cost.unpriced else None)
    counts = [getattr(tokens, field.name) for field in fields(Tokens)]
    for name, count, one in zip(CLASSES, counts, costs, strict=True):
        assert (one is None) == (count is None or name in cost.unpriced)
        assert (name in cost.unpriced) <= bool(count)


@given(first=TOKENS, second=TOKENS)
def test_rounding_loses_at_most_half_a_micro_usd_a_class(first: Tokens, second: Tokens) -> None:
    both = Tokens(*((getattr(first, f.name) or 0) + (getattr(second, f.name) or 0) for f in fields(Tokens)))
    together = priced(OPUS, both)
    for name in CLASSES:
        parts = (getattr(priced(OPUS, tokens), name) or 0 for tokens in (first, second))
        assert abs(sum(parts) - getattr(together, name)) <= 1


# Against the package that the table is made from. Its input includes the cached tokens, ours does not.

GRID = [
    Tokens(1000, 2000, 0, 0, 0),
    Tokens(123, 4567, 89_000, 1011, 1213),
    Tokens(1, 1, 1, 1, 1),
    Tokens(150_000, 8000, 40_000, 9000, 999),
    Tokens(150_000, 8000, 40_000, 9000, 1001),
    Tokens(300_000, 64_000, 500_000, 0, 70_000),
]
MOMENTS = [
    AT,
    at("2026-03-12T23:00:00"),
    at("2026-03-13T01:00:00"),
    at("2025-06-01T17:00:00"),
    at("2026-09-10T00:30:00"),
]


def source_price(provider: str, model: str, tokens: Tokens, at_ms: int) -> Decimal:
    parts = [tokens.input, tokens.cache_read, tokens.cache_write_5m, tokens.cache_write_1h]
    usage = Usage(
        input_tokens=sum(part or 0 for part in parts),
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=(tokens.cache_write_5m or 0) + (tokens.cache_write_1h or 0),
        cache_write_1h_tokens=tokens.cache_write_1h,
    )
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    return calc_price(usage, model, provider_id=provider, genai_request_timestamp=moment).total_price


def lists(model: ModelInfo) -> list[ModelPrice]:
    return [entry.prices for entry in model.prices] if isinstance(model.prices, list) else [model.prices]


SOURCE = {
    (provider.id, model.id.replace("regional.anthropic", "us.anthropic")): lists(model)
    for provider in providers
    if provider.id in ("anthropic", "aws", "zai", "minimax", "moonshotai", "deepseek", "x-ai")
    for model in provider.models
    if provider.id != "aws" or "claude" in model.id
}
CASES = [
    pytest.param(*key, id=key[1])
    for key, prices in SOURCE.items()
    if all(one.input_mtok is not None for one in prices)  # Else it is priced by hours or messages.
]


@pytest.mark.parametrize(("provider", "model"), CASES)
def test_the_cost_equals_that_of_the_source(provider: str, model: str) -> None:
    compared = 0
    for tokens in GRID:
        for at_ms in MOMENTS:
            cost = price(model, tokens, at_ms)
            has_long_writes = all(one.cache_write_1h_mtok is not None for one in SOURCE[provider, model])
            if cost is None or cost.unpriced or (tokens.cache_write_1h and not has_long_writes):
                continue  # The source takes the price of shorter writes where it lacks one.
            exact = source_price(provider, model, tokens, at_ms) * 1_000_000
            assert cost.total is not None
            assert abs(cost.total - exact) <= Decimal("2.5"), (tokens, at_ms)
            compared += 1
    without = priced(model, GRID[0])  # Every model has at least input and output.
    assert abs((without.total or 0) - source_price(provider, model, GRID[0], AT) * 1_000_000) <= 1
    assert compared


def test_every_claude_model_has_every_class_of_tokens() -> None:
    for model in (model for provider, model in SOURCE if provider == "anthropic"):
        if model not in ("claude-2", "claude-v1"):
            assert priced(model, Tokens(1, 1, 1, 1, 1)).unpriced == (), model
