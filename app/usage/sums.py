"""What some requests add up to, as pages see it: made of a row of sums over the rollups."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.usage.histogram import highest, percentiles
from app.usage.rollup import CLASS_COSTS, CLASSES, OUTCOMES, SUMS

METRICS = {
    "duration": "durations",
    "first_byte": "first_bytes",
    "first_token": "first_tokens",
    "speed": "speeds",
}
"""Metric -> the column of its histogram. Times are milliseconds, `speed` is tokens per second."""


@dataclass(frozen=True, slots=True)
class TokenTotals:
    """Tokens by class, of the requests that reported it; None when none did."""

    input: int | None
    output: int | None
    cache_read: int | None
    cache_write_5m: int | None
    cache_write_1h: int | None
    web_searches: int | None
    total: int | None
    """All but the searches."""


@dataclass(frozen=True, slots=True)
class CostTotals:
    """Cost in micro-USD by class, of the requests that have a price; all None when none has."""

    input_micro_usd: int | None
    output_micro_usd: int | None
    cache_read_micro_usd: int | None
    cache_write_5m_micro_usd: int | None
    cache_write_1h_micro_usd: int | None
    web_search_micro_usd: int | None
    total_micro_usd: int | None


@dataclass(frozen=True, slots=True)
class Totals:
    """Some ended requests, added up. Rates are fractions (0-1) and None where nothing is known.

    `cost` leaves out the `unpriced`, whose cost is not known. `cache_hit`: the share of all prompts that was read from
    the cache. Means are over the requests whose value is known.
    """

    requests: int
    succeeded: int
    failed: int
    success_rate: float | None
    outcomes: Mapping[str, int]
    statuses: Mapping[str, int]
    """`2xx` to `5xx`; `429` is also counted in `4xx`."""
    streams: int
    synthetic: int
    attempts: int
    failovers: int
    tokens: TokenTotals
    cost: CostTotals
    unpriced: int
    cache_hit: float | None
    mean_duration_ms: float | None
    mean_first_byte_ms: float | None
    mean_first_token_ms: float | None
    mean_tokens_per_s: float | None


@dataclass(frozen=True, slots=True)
class Percentiles:
    """How the values of one metric are spread, from histograms: right to about 10 %.

    `highest` is not exceeded by any value. All None when there is none.
    """

    count: int
    p50: float | None
    p95: float | None
    p99: float | None
    highest: float | None


_STATUSES = ("2xx", "3xx", "4xx", "5xx", "429")
_TOKENS = ("metered", *(f"{name}_{kind}" for kind in ("known", "tokens") for name in CLASSES))
FIGURES: dict[str, tuple[str, ...]] = {
    "requests": ("requests",),
    "succeeded": ("requests", "succeeded"),
    "outcomes": ("requests", *OUTCOMES),
    "statuses": ("requests", *(f"status_{name}" for name in _STATUSES)),
    "tokens": ("requests", "web_searches", *_TOKENS),
    "cost": ("requests", "priced", "cost", *CLASS_COSTS),
    "cache_hit": ("requests", *_TOKENS),
    "mean_tokens_per_s": ("requests", "speed_milli", "speed_timed"),
}
"""Figure of `Totals` -> the sums that it is made of."""
_NO_SUMS = dict.fromkeys(SUMS, 0)
_NO_TOKENS = TokenTotals(None, None, None, None, None, None, None)
_NO_COST = CostTotals(None, None, None, None, None, None, None)
NOTHING = Totals(0, 0, 0, None, {}, {}, 0, 0, 0, 0, _NO_TOKENS, _NO_COST, 0, None, None, None, None, None)
"""What no request adds up to."""


def sums_of(figures: Iterable[str]) -> tuple[str, ...]:
    """Return the sums that figures are made of, in the order of `SUMS`."""
    needed = {name for figure in figures for name in FIGURES[figure]}
    return tuple(name for name in SUMS if name in needed)


def totals(sums: Iterable[int], names: Iterable[str] = SUMS) -> Totals:
    """Return sums, in the order of `names`, as a value. What is made of other sums is left at nothing."""
    held = _NO_SUMS | dict(zip(names, sums))
    requests, succeeded = held["requests"], held["succeeded"]
    if not requests:
        return NOTHING
    named = {name: count for name in OUTCOMES if (count := held[name])}
    complete = requests - sum(named.values())
    return Totals(
        requests=requests,
        succeeded=succeeded,
        failed=requests - succeeded,
        success_rate=succeeded / requests,
        outcomes={"complete": complete, **named} if complete else named,
        statuses={kind: count for kind in _STATUSES if (count := held[f"status_{kind}"])},
        streams=held["streams"],
        synthetic=held["synthetic"],
        attempts=held["attempts"],
        failovers=held["failovers"],
        tokens=_tokens(held),
        cost=_cost(held),
        unpriced=held["unpriced"],
        cache_hit=_hit(held),
        mean_duration_ms=_mean(held["duration_ms"], held["timed"]),
        mean_first_byte_ms=_mean(held["first_byte_ms"], held["first_byte_timed"]),
        mean_first_token_ms=_mean(held["first_token_ms"], held["first_token_timed"]),
        mean_tokens_per_s=_mean(held["speed_milli"] / 1000, held["speed_timed"]),
    )


def spread(counts: Mapping[int, int]) -> Percentiles:
    """Return the percentiles of a histogram."""
    p50, p95, p99 = percentiles(counts, (0.5, 0.95, 0.99))
    return Percentiles(sum(counts.values()), p50, p95, p99, highest(counts))


def _tokens(held: Mapping[str, int]) -> TokenTotals:
    if not held["metered"]:
        return _NO_TOKENS
    parts = {name: held[f"{name}_tokens"] if held[f"{name}_known"] else None for name in CLASSES}
    total = sum(part for part in parts.values() if part is not None)
    return TokenTotals(**parts, web_searches=held["web_searches"], total=total)


def _cost(held: Mapping[str, int]) -> CostTotals:
    if not held["priced"]:
        return _NO_COST
    return CostTotals(*(held[name] for name in (*CLASS_COSTS, "cost")))


def _hit(held: Mapping[str, int]) -> float | None:
    if not held["cache_read_known"]:
        return None
    names = ("input", "cache_read", "cache_write_5m", "cache_write_1h")
    prompt = sum(held[f"{name}_tokens"] for name in names)
    return held["cache_read_tokens"] / prompt if prompt else None


def _mean(total: float, count: int) -> float | None:
    return total / count if count else None
