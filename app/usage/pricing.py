"""What an answer cost: (model, tokens) to integer micro-USD by class, from a table that ships with the project.

The table (`prices.json`) is made by scripts/update_prices.py. All rates are micro-USD per million, so every product is
exact; each class is rounded half up to one micro-USD, and the total is the sum of the rounded classes.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from app.values import Tokens

PriceClass = Literal["input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "web_search"]
CLASSES: tuple[PriceClass, ...] = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "web_search")

_TABLE = Path(__file__).with_name("prices.json")
_MINUTE_MS = 60_000
_DAY_MINUTES = 24 * 60

Steps = tuple[tuple[int, int], ...]
"""(number of input tokens above which the rate holds, rate), ascending; the first number is 0."""

_Rates = tuple[Steps | None, ...]
"""In the order of `CLASSES`."""

_BEDROCK = re.compile(r"(?:^|[./])anthropic\.(claude.*)$")
_BEDROCK_VERSION = re.compile(r"-v\d+(?::\d+)*$")
_COMPACT_DATE = re.compile(r"-(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$")


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one answer in micro-USD by class.

    A class is None where its tokens are unknown or it has no price; `unpriced` names the latter, and then the total is
    None too: a sum without a part of it would be wrong.
    """

    input: int | None
    output: int | None
    cache_read: int | None
    cache_write_5m: int | None
    cache_write_1h: int | None
    web_search: int | None
    total: int | None
    price_version: str
    unpriced: tuple[PriceClass, ...] = ()


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices that the operator entered for a model, micro-USD per million tokens or searches; None: no price.

    For a Claude model, cache writes without a price are 1.25 (5 min) and 2 times (1 h) the price of input.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    web_search: int | None = None


@dataclass(frozen=True, slots=True)
class _Period:
    """One price list of a model: from a day on, or within a time of each day (minutes UTC, may pass midnight)."""

    from_ms: int
    daily: tuple[int, int] | None
    rates: _Rates

    def holds(self, at_ms: int) -> bool:
        if self.daily is None:
            return at_ms >= self.from_ms
        start, end = self.daily
        minute = at_ms // _MINUTE_MS % _DAY_MINUTES
        return start <= minute < end if start <= end else minute >= start or minute < end


@dataclass(frozen=True, slots=True)
class _Model:
    provider: str
    match: list[Any]
    periods: tuple[_Period, ...]

    def rates(self, at_ms: int) -> _Rates:
        """The last list that holds counts, as in the table's source; before the first date it is the first list."""
        for period in reversed(self.periods):
            if period.holds(at_ms):
                return period.rates
        return self.periods[0].rates


def price(
    model: str,
    tokens: Tokens,
    at_ms: int,
    *,
    overrides: Mapping[str, Rates] | None = None,
    batch: bool = False,
) -> Cost | None:
    """Return what `tokens` cost at a time, None for a model without prices.

    `model`: an id as any provider writes it: dated, aliased, with a provider's prefix, of Bedrock or Vertex.
    `overrides`: prices by model id (lower case) that go before the table's. `batch`: tokens cost half.
    """
    override = _override(model, overrides) if overrides else None
    if override is not None:
        return _cost(tokens, *override, batch)
    entry = _find(model)
    if entry is None:
        return None
    return _cost(tokens, entry.rates(at_ms), price_version(), batch)


def price_version() -> str:
    """Return the version of the table: the day it was made, and a hash of its content."""
    return _table()[0]


def listed(model: str, at_ms: int) -> Rates | None:
    """Return the table's prices of a model at a time, those of a short prompt; None for a model without prices."""
    entry = _find(model)
    if entry is None:
        return None
    return Rates(*(None if steps is None else steps[0][1] for steps in entry.rates(at_ms)))


def _cost(tokens: Tokens, rates: _Rates, version: str, batch: bool) -> Cost:
    costs: list[int | None] = []
    unpriced: list[PriceClass] = []
    total: int | None = None
    cost: int | None
    for name, count, steps in zip(CLASSES, tokens.counts, rates):
        if not count:
            cost = count
        elif steps is None:
            cost = None
            unpriced.append(name)
        else:
            rate = steps[0][1] if len(steps) == 1 else _rate(steps, tokens)
            cost = _rounded(count * rate, 2_000_000 if batch and name != "web_search" else 1_000_000)
        costs.append(cost)
        if cost is not None:
            total = cost if total is None else total + cost
    uncached, output, read, short, long, search = costs
    if unpriced:
        total = None
    return Cost(uncached, output, read, short, long, search, total, version, tuple(unpriced))


def _rounded(product: int, divisor: int) -> int:
    return (product + divisor // 2) // divisor


def _rate(steps: Steps, tokens: Tokens) -> int:
    """Return the rate that the length of the prompt, cached tokens included, brings for all tokens of an answer."""
    parts = (tokens.input, tokens.cache_read, tokens.cache_write_5m, tokens.cache_write_1h)
    prompt = sum(part for part in parts if part is not None)
    rate = steps[0][1]
    for start, step in steps[1:]:
        if prompt > start:
            rate = step
    return rate


def _override(model: str, overrides: Mapping[str, Rates]) -> tuple[_Rates, str] | None:
    for name in _names(model):
        if name in overrides:
            return _filled(overrides[name], "claude" in name)
    return None


@lru_cache(maxsize=256)
def _filled(rates: Rates, is_claude: bool) -> tuple[_Rates, str]:
    """Return an operator's rates with what follows from them, and their version."""
    if is_claude and rates.input is not None:
        short = rates.cache_write_5m if rates.cache_write_5m is not None else _rounded(rates.input * 5, 4)
        long = rates.cache_write_1h if rates.cache_write_1h is not None else rates.input * 2
        rates = replace(rates, cache_write_5m=short, cache_write_1h=long)
    values = astuple(rates)
    digest = hashlib.sha256(repr(values).encode()).hexdigest()[:8]
    return tuple(None if rate is None else ((0, rate),) for rate in values), f"override-{digest}"


@lru_cache(maxsize=4096)
def _find(model: str) -> _Model | None:
    models = _table()[1]
    for name in _names(model):
        # Bedrock has prices of its own, under names of its own.
        is_bedrock = _BEDROCK.search(name) is not None
        for entry in models:
            if (entry.provider == "aws") == is_bedrock and _matches(entry.match, name):
                return entry
    return None


@lru_cache(maxsize=4096)
def _names(model: str) -> tuple[str, ...]:
    """Return the names under which a model may be known, the most exact first, in lower case."""
    full = model.strip().lower().removesuffix("[1m]")
    name = full.rpartition("/")[2]
    names = [full, name]
    if bedrock := _BEDROCK.search(name):
        name = _BEDROCK_VERSION.sub("", bedrock[1])
        names.append(name)
    name = name.partition(":")[0]
    names += [name, name.replace("@", "-"), name.partition("@")[0], name.removesuffix("-latest")]
    names.append(_COMPACT_DATE.sub(r"-\1-\2-\3", name))
    return tuple(dict.fromkeys(names))


def _matches(clause: list[Any], name: str) -> bool:
    kind, argument = clause
    match kind:
        case "starts_with":
            return name.startswith(argument)
        case "ends_with":
            return name.endswith(argument)
        case "contains":
            return argument in name
        case "equals":
            return bool(name == argument)
        case "regex":
            return re.search(argument, name) is not None
        case "or":
            return any(_matches(part, name) for part in argument)
        case "and":
            return all(_matches(part, name) for part in argument)
    raise ValueError(f"prices.json: unknown match {kind!r}")


@cache
def _table() -> tuple[str, tuple[_Model, ...]]:
    """Read the table once, when the first price is asked for."""
    table = json.loads(_TABLE.read_bytes())
    models = (
        _Model(entry["provider"], entry["match"], tuple(map(_period, entry["periods"]))) for entry in table["models"]
    )
    return table["version"], tuple(models)


def _period(entry: dict[str, Any]) -> _Period:
    since = entry.get("from")
    from_ms = int(datetime.fromisoformat(since).replace(tzinfo=UTC).timestamp()) * 1000 if since else 0
    daily = entry.get("daily")
    rates = tuple(_steps(entry["rates"].get(name)) for name in CLASSES)
    return _Period(from_ms, (_minutes(daily[0]), _minutes(daily[1])) if daily else None, rates)


def _steps(rate: int | list[list[int]] | None) -> Steps | None:
    if rate is None:
        return None
    return ((0, rate),) if isinstance(rate, int) else tuple((start, step) for start, step in rate)


def _minutes(time: str) -> int:
    hours, minutes = time.split(":")
    return int(hours) * 60 + int(minutes)
