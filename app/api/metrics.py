"""Figures for Prometheus, of all workers together: /metrics."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from flask import Blueprint, Response

from app.accounts.health import HealthState
from app.accounts.overview import AccountView
from app.accounts.service import views
from app.background.gauges import ABOUT_GAUGES, WorkerView, workers
from app.runtime import runtime
from app.usage.counters import Counted, counted
from app.usage.rollup import CLASSES, OUTCOMES
from app.version import VERSION

metrics = Blueprint("metrics", __name__)

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STATES: tuple[HealthState, ...] = get_args(HealthState)
_COUNTERS = (
    ("requests_succeeded_total", "succeeded", 1, "Requests that came to a good end with a status below 400."),
    ("attempts_total", "attempts", 1, "Tries at accounts."),
    ("failovers_total", "failovers", 1, "Requests that took more than one attempt."),
    ("cost_usd_total", "cost", 1_000_000, "Cost at the API's prices in USD, of the requests that have a price."),
    ("unpriced_requests_total", "unpriced", 1, "Requests with tokens and without a price."),
)
"""Name, column, divisor, what it is."""
_DURATIONS = (
    ("request_duration_seconds", "duration_ms", "timed", "How long requests took."),
    ("first_byte_seconds", "first_byte_ms", "first_byte_timed", "Time to the first byte of the answer."),
    ("first_token_seconds", "first_token_ms", "first_token_timed", "Time to the first token of the answer."),
)
"""Name, column of the sum in milliseconds, column of the number, what it is."""

Labels = Mapping[str, str]
Sample = tuple[str, Labels, float | None]
"""What the metric's name ends in, labels, value; one that is not known is left out."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with its samples. `kind`: as Prometheus names it."""

    name: str
    kind: Literal["counter", "gauge", "summary"]
    about: str
    samples: Iterable[Sample]


@metrics.get("/metrics")
def all_metrics() -> Response:
    """Tell every figure in Prometheus' text format."""
    run = runtime()
    families = (*_of_requests(counted()), *_of_accounts(views(run.vault)), *_of_workers(workers()))
    return Response("".join(map(written, families)), content_type=_CONTENT_TYPE)


def written(family: Family) -> str:
    """Return one metric in the text format: https://prometheus.io/docs/instrumenting/exposition_formats/."""
    lines = [f"# HELP ccflare_{family.name} {family.about}", f"# TYPE ccflare_{family.name} {family.kind}"]
    for ending, labels, value in family.samples:
        if value is not None:
            told = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            lines.append(f"ccflare_{family.name}{ending}{f'{{{told}}}' if told else ''} {value:.15g}")
    return "\n".join([*lines, ""])


def _of_requests(parts: tuple[Counted, ...]) -> Iterator[Family]:
    yield Family(
        "requests_total",
        "counter",
        "Requests that ended, by their outcome.",
        [("", _labels(one, outcome=name), count) for one in parts for name, count in _outcomes(one)],
    )
    yield Family(
        "tokens_total",
        "counter",
        "Tokens by class, of the requests that tell.",
        [("", _labels(one, **{"class": name}), one.sums[f"{name}_tokens"]) for one in parts for name in CLASSES],
    )
    for name, column, divisor, about in _COUNTERS:
        samples: list[Sample] = [("", _labels(one), one.sums[column] / divisor) for one in parts]
        yield Family(name, "counter", about, samples)
    for name, total, count, about in _DURATIONS:
        samples = [("_sum", _labels(one), one.sums[total] / 1000) for one in parts]
        samples += [("_count", _labels(one), one.sums[count]) for one in parts]
        yield Family(name, "summary", about, samples)


def _of_accounts(accounts: tuple[AccountView, ...]) -> Iterator[Family]:
    yield Family(
        "account_state",
        "gauge",
        "1 for the state that an account is in.",
        [
            ("", {"account": one.name, "mode": one.mode, "state": state}, float(one.health.state == state))
            for one in accounts
            for state in _STATES
        ],
    )
    windows = [(one.name, window) for one in accounts for window in one.windows if not window.is_reset]
    yield Family(
        "window_utilization_ratio",
        "gauge",
        "How full an account's window is (1 is full).",
        [("", {"account": name, "window": window.kind}, window.utilization) for name, window in windows],
    )
    yield Family(
        "window_reset_timestamp_seconds",
        "gauge",
        "When an account's window resets.",
        [("", {"account": name, "window": window.kind}, _seconds(window.reset_at)) for name, window in windows],
    )


def _of_workers(found: tuple[WorkerView, ...]) -> Iterator[Family]:
    yield Family("build_info", "gauge", "The version that runs.", [("", {"version": VERSION}, 1)])
    yield Family("workers", "gauge", "Workers that serve now.", [("", {}, len(found))])
    starts: list[Sample] = [("", {"worker": one.worker}, _seconds(one.started_at)) for one in found]
    yield Family("worker_start_timestamp_seconds", "gauge", "When a worker started.", starts)
    for name, about in ABOUT_GAUGES.items():
        samples: list[Sample] = [("", {"worker": one.worker}, one.gauges.get(name)) for one in found]
        yield Family(name, "gauge", about, samples)


def _outcomes(one: Counted) -> Iterator[tuple[str, int]]:
    named = {name: one.sums[name] for name in OUTCOMES}
    yield "complete", one.sums["requests"] - sum(named.values())
    yield from named.items()


def _labels(one: Counted, **more: str) -> Labels:
    return {"account": one.account, "model": one.model, **more}


def _seconds(at: int | None) -> float | None:
    return None if at is None else at / 1000


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
