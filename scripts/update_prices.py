"""Make app/usage/prices.json from the genai-prices package: `python scripts/update_prices.py [--check]`.

With --check nothing is written; the exit status is 1 when the file is not what the installed package gives.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genai_prices import types
from genai_prices.data import providers

TARGET = Path(__file__).resolve().parent.parent / "app" / "usage" / "prices.json"

PROVIDERS = ("anthropic", "aws", "zai", "minimax", "moonshotai", "deepseek", "openai", "x-ai", "google")
"""In the order in which a model is looked for. Of aws only Claude is taken, of google all but Claude."""

CLASSES = {
    "input": ("input_mtok", 1),
    "output": ("output_mtok", 1),
    "cache_read": ("cache_read_mtok", 1),
    "cache_write_5m": ("cache_write_mtok", 1),
    "cache_write_1h": ("cache_write_1h_mtok", 1),
    "web_search": ("web_searches_kcount", 1000),
}
"""Our price classes: the package's name for each, and how often its unit goes into a million."""

CLAUDE_WRITES = {"cache_write_5m": (125, 100), "cache_write_1h": (2, 1)}
"""Cache writes relative to input where the package has no own figure.

https://platform.claude.com/docs/en/build-with-claude/prompt-caching#pricing
"""

Rate = int | list[list[int]]


def micro_usd(usd: Decimal, factor: int) -> int:
    """Return USD as whole micro-USD; a price that has a finer part is an error, not a rounding."""
    exact = usd * factor * 1_000_000
    if exact != int(exact):
        raise ValueError(f"{usd} USD is no whole number of micro-USD")
    return int(exact)


def rate(price: Any, factor: int) -> Rate:
    """Return a rate, or the rates by the number of input tokens above which each holds."""
    if isinstance(price, types.TieredPrices):
        steps = [(0, price.base), *((tier.start, tier.price) for tier in price.tiers)]
        return [[start, micro_usd(usd, factor)] for start, usd in steps]
    return micro_usd(price, factor)


def scaled(given: Rate, factor: tuple[int, int]) -> Rate:
    """Return a rate multiplied by a fraction; a result that is not whole is an error."""
    steps = [[0, given]] if isinstance(given, int) else given
    if any(step * factor[0] % factor[1] for _, step in steps):
        raise ValueError(f"{given} * {factor[0]} / {factor[1]} is no whole number of micro-USD")
    found = [[start, step * factor[0] // factor[1]] for start, step in steps]
    return found[0][1] if isinstance(given, int) else found


def rates(prices: types.ModelPrice, is_claude: bool) -> dict[str, Rate]:
    """Return the rates of one price list by our classes, in micro-USD per million."""
    found: dict[str, Rate] = {}
    for name, (key, factor) in CLASSES.items():
        price = getattr(prices, key)
        if price is not None:
            found[name] = rate(price, factor)
    if is_claude and "cache_read" in found:
        for name, multiple in CLAUDE_WRITES.items():
            found.setdefault(name, scaled(found["input"], multiple))
    return {name: found[name] for name in CLASSES if name in found}


def clause(match: Any) -> list[Any]:
    """Return a match of the package as nested lists."""
    for kind in ("starts_with", "ends_with", "contains", "equals", "regex"):
        if hasattr(match, kind):
            return [kind, getattr(match, kind) if kind == "regex" else getattr(match, kind).lower()]
    parts = [clause(part) for part in getattr(match, "or_", None) or match.and_]
    unique = [part for at, part in enumerate(parts) if part not in parts[:at]]
    return unique[0] if len(unique) == 1 else ["or" if hasattr(match, "or_") else "and", unique]


def periods(model: types.ModelInfo, is_claude: bool) -> Iterator[dict[str, Any]]:
    """Yield a model's price lists; the last one that holds at a time counts."""
    conditional = model.prices if isinstance(model.prices, list) else [types.ConditionalPrice(prices=model.prices)]
    for entry in conditional:
        period: dict[str, Any] = {}
        if isinstance(entry.constraint, types.StartDateConstraint):
            period["from"] = entry.constraint.start_date.isoformat()
        elif isinstance(entry.constraint, types.TimeOfDateConstraint):
            times = (entry.constraint.start_time, entry.constraint.end_time)
            if any(time.utcoffset() for time in times):
                raise ValueError(f"{model.id}: a time of day that is not UTC")
            period["daily"] = [time.strftime("%H:%M") for time in times]
        yield period | {"rates": rates(entry.prices, is_claude)}


def models() -> Iterator[dict[str, Any]]:
    """Yield every model that has a price for input tokens."""
    by_id = {provider.id: provider for provider in providers}
    for provider_id in PROVIDERS:
        for model in by_id[provider_id].models:
            is_claude = "claude" in model.id
            if (provider_id == "aws" and not is_claude) or (provider_id == "google" and is_claude):
                continue
            found = list(periods(model, is_claude))
            if all("input" in period["rates"] for period in found):
                yield {"provider": provider_id, "id": model.id, "match": clause(model.match), "periods": found}


def table(today: date) -> dict[str, Any]:
    """Return the whole table; its version is the day and a hash of what it says."""
    found = list(models())
    digest = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:8]
    return {
        "version": f"{today.isoformat()}-{digest}",
        "source": f"genai-prices {version('genai-prices')}",
        "unit": "micro-USD per million",
        "models": found,
    }


def written(prices: dict[str, Any]) -> str:
    """Return the table as JSON with one model a line, so that a change reads well."""
    head = {name: value for name, value in prices.items() if name != "models"}
    lines = ",\n".join("    " + json.dumps(model) for model in prices["models"])
    return json.dumps(head, indent=2)[:-2] + f',\n  "models": [\n{lines}\n  ]\n}}\n'


def main(arguments: list[str] | None = None) -> int:
    """Write or check the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the table is out of date")
    parser.add_argument("--output", type=Path, default=TARGET)
    options = parser.parse_args(arguments)
    prices = table(datetime.now(tz=UTC).date())
    old = json.loads(options.output.read_text()) if options.output.exists() else {}
    if old.get("models") == prices["models"]:
        print(f"{options.output.name} is up to date: {old['version']}, {len(prices['models'])} models")
        return 0
    if options.check:
        print(f"{options.output.name} is out of date: run python scripts/update_prices.py", file=sys.stderr)
        return 1
    options.output.write_text(written(prices))
    print(f"{options.output.name}: {prices['version']}, {len(prices['models'])} models")
    return 0


if __name__ == "__main__":
    sys.exit(main())
