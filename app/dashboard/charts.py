"""Charts of a range of time: the lines of each, as the script draws them and as a table tells them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.errors import NotFound
from app.usage.analytics import OTHERS, Point, Series
from app.usage.spans import Range
from app.usage.sums import Totals

Value = int | float | None
Read = Callable[[Point], Value]

UNKNOWN_NAMES = {"account": "no account", "model": "model not known", "key": "without a key"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a value for each bucket. `tone`: the name of its colour; `query`: what narrows requests to it."""

    label: str
    tone: str
    values: tuple[Value, ...]
    query: dict[str, str]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a chart shows. `parts`: its lines while nothing is grouped; `grouped`: the value of each group's line.

    `unit`: count, tokens, usd, ms, speed or share. `is_stacked`: lines lie on each other. `adds_up`: it makes sense
    cumulated. `metric`: whose percentiles `parts` are made of; `grouped_metric`: those that `grouped` is. `figures`:
    those of the totals that either reads.
    """

    title: str
    unit: str
    parts: tuple[tuple[str, str, Read, dict[str, str]], ...]
    grouped: Read
    grouped_title: str
    is_stacked: bool = False
    adds_up: bool = False
    metric: str | None = None
    grouped_metric: str | None = None
    figures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its lines."""

    name: str
    title: str
    unit: str
    is_stacked: bool
    at: tuple[int, ...]
    bucket_ms: int
    lines: tuple[Line, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known in the whole range."""
        return not any(value for line in self.lines for value in line.values)

    def drawn(self) -> dict[str, Any]:
        """Return what the script draws."""
        return {
            "unit": self.unit,
            "stacked": self.is_stacked,
            "bucket": self.bucket_ms,
            "at": self.at,
            "lines": [
                {"label": line.label, "tone": line.tone, "values": line.values, "query": line.query}
                for line in self.lines
            ],
        }


def _of(read: Callable[[Totals], Value]) -> Read:
    return lambda point: read(point.totals)


def _percentile(metric: str, name: str) -> Read:
    def read(point: Point) -> Value:
        spread = point.percentiles.get(metric)
        value: float | None = None if spread is None else getattr(spread, name)
        return None if value is None else round(value, 1)

    return read


def _spread(metric: str) -> tuple[tuple[str, str, Read, dict[str, str]], ...]:
    return (
        ("p50", "series-2", _percentile(metric, "p50"), {}),
        ("p95", "series-1", _percentile(metric, "p95"), {}),
        ("p99", "series-6", _percentile(metric, "p99"), {}),
    )


def _status(name: str) -> Read:
    return _of(lambda totals: totals.statuses.get(name, 0))


def _outcome(name: str) -> Read:
    return _of(lambda totals: totals.outcomes.get(name, 0))


def _other_4xx(point: Point) -> Value:
    return point.totals.statuses.get("4xx", 0) - point.totals.statuses.get("429", 0)


KINDS: dict[str, Kind] = {
    "traffic": Kind(
        "Requests",
        "count",
        (
            ("succeeded", "series-2", _of(lambda totals: totals.succeeded), {"failed": "0"}),
            ("failed", "bad", _of(lambda totals: totals.failed), {"failed": "1"}),
        ),
        _of(lambda totals: totals.requests),
        "Requests",
        is_stacked=True,
        adds_up=True,
        figures=("succeeded",),
    ),
    "latency": Kind(
        "Time to first token",
        "ms",
        _spread("first_token"),
        _percentile("first_token", "p95"),
        "Time to first token, p95",
        metric="first_token",
        grouped_metric="first_token",
    ),
    "errors": Kind(
        "Failures by kind",
        "count",
        (
            ("limits (429)", "series-5", _status("429"), {"status": "429"}),
            ("other 4xx", "series-4", _other_4xx, {"failed": "1"}),
            ("5xx", "bad", _status("5xx"), {"failed": "1"}),
            ("client left", "mute", _outcome("client_gone"), {"outcome": "client_gone"}),
            ("upstream broke", "series-6", _outcome("upstream_broke"), {"outcome": "upstream_broke"}),
        ),
        _of(lambda totals: totals.failed),
        "Failures",
        is_stacked=True,
        adds_up=True,
        figures=("succeeded", "outcomes", "statuses"),
    ),
    "tokens": Kind(
        "Tokens by class",
        "tokens",
        (
            ("cache read", "series-3", _of(lambda totals: totals.tokens.cache_read), {}),
            (
                "cache write",
                "series-5",
                _of(lambda totals: _sum(totals.tokens.cache_write_5m, totals.tokens.cache_write_1h)),
                {},
            ),
            ("input", "series-2", _of(lambda totals: totals.tokens.input), {}),
            ("output", "series-1", _of(lambda totals: totals.tokens.output), {}),
        ),
        _of(lambda totals: totals.tokens.total),
        "Tokens",
        is_stacked=True,
        adds_up=True,
        figures=("tokens",),
    ),
    "cost": Kind(
        "Cost at the API's prices",
        "usd",
        (
            ("cache read", "series-3", _of(lambda totals: totals.cost.cache_read_micro_usd), {}),
            (
                "cache write",
                "series-5",
                _of(lambda totals: _sum(totals.cost.cache_write_5m_micro_usd, totals.cost.cache_write_1h_micro_usd)),
                {},
            ),
            ("input", "series-2", _of(lambda totals: totals.cost.input_micro_usd), {}),
            ("output", "series-1", _of(lambda totals: totals.cost.output_micro_usd), {}),
        ),
        _of(lambda totals: totals.cost.total_micro_usd),
        "Cost at the API's prices",
        is_stacked=True,
        adds_up=True,
        figures=("cost",),
    ),
    "cache": Kind(
        "Prompts read from the cache",
        "share",
        (("read from the cache", "series-3", _of(lambda totals: totals.cache_hit), {}),),
        _of(lambda totals: totals.cache_hit),
        "Prompts read from the cache",
        figures=("cache_hit",),
    ),
    "duration": Kind(
        "Duration",
        "ms",
        _spread("duration"),
        _percentile("duration", "p95"),
        "Duration, p95",
        metric="duration",
        grouped_metric="duration",
    ),
    "speed": Kind(
        "Output speed",
        "speed",
        (
            ("p50", "series-2", _percentile("speed", "p50"), {}),
            ("mean", "series-3", _of(lambda totals: totals.mean_tokens_per_s), {}),
        ),
        _of(lambda totals: totals.mean_tokens_per_s),
        "Output speed, mean",
        metric="speed",
        figures=("mean_tokens_per_s",),
    ),
}

SUMS = "sums"
"""The part of the charts that needs no percentiles."""


def parts(group: str | None, *, is_cumulative: bool) -> dict[str, list[str]]:
    """Return which charts are made together: by the metric whose percentiles they need, else `sums`."""
    found: dict[str, list[str]] = {}
    for name, kind in KINDS.items():
        if kind.adds_up or not is_cumulative:
            metric = kind.metric if group is None else kind.grouped_metric
            found.setdefault(metric or SUMS, []).append(name)
    return found


def title(name: str, group: str | None) -> str:
    """Return what stands above a chart."""
    return KINDS[name].title if group is None else KINDS[name].grouped_title


def chart(name: str, found: tuple[Series, ...], span: Range, group: str | None = None) -> Chart:
    """Return one chart of what `analytics.series` found. Raises NotFound."""
    kind = KINDS.get(name)
    if kind is None:
        raise NotFound(f"There is no chart named {name}.")
    if group is None:
        points = found[0].points if found else ()
        lines = tuple(
            Line(label, tone, tuple(read(point) for point in points), query) for label, tone, read, query in kind.parts
        )
    else:
        ordered = sorted(found, key=lambda one: (one.value == OTHERS, -one.totals.requests))
        lines = tuple(_group_line(kind, one, group, at) for at, one in enumerate(ordered))
    return Chart(name, title(name, group), kind.unit, kind.is_stacked, span.buckets(), span.bucket_ms, lines)


def _group_line(kind: Kind, one: Series, group: str, at: int) -> Line:
    is_named = one.value != OTHERS
    label = (one.name or UNKNOWN_NAMES[group]) if is_named else OTHERS
    tone = f"series-{at + 1}" if is_named and at < 6 else "mute"
    query = {group: one.value} if is_named and one.value else {}
    return Line(label, tone, tuple(kind.grouped(point) for point in one.points), query)


def _sum(*parts: int | None) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None
