"""Turns the samples of a run into medians, spreads, ratios and verdicts."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

LIMIT_MS = 150.0
"""Within which a page, and a query that one asks, is there at p95 on a history of ten million requests."""

Key = tuple[str, str, int]
"""Subject, case, concurrency."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One batch: so many requests of one case to one subject in one round. `cpu_s` is None for the direct way."""

    subject: str
    case: str
    concurrency: int
    round: int
    requests: int
    errors: int
    elapsed_s: float
    cpu_s: float | None
    p50_ms: float
    p99_ms: float

    @property
    def per_s(self) -> float:
        """Requests a second."""
        return self.requests / self.elapsed_s

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds a request, which is CPU seconds for 1000 requests."""
        return 1000 * (self.cpu_s or 0.0) / self.requests


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, with the lowest and the highest."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


@dataclass(frozen=True, slots=True)
class Goal:
    """A claim about one figure: at most `limit`. `seen` is None when it was not measured."""

    name: str
    limit: float
    unit: str
    seen: float | None

    @property
    def verdict(self) -> str:
        """PASS, FAIL, or not measured."""
        if self.seen is None:
            return "not measured"
        return "PASS" if self.seen <= self.limit else "FAIL"


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value below which `share` (0-1) of the values lie; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def spread(values: Iterable[float]) -> Spread | None:
    """Return median, lowest and highest; None for no values."""
    known = list(values)
    return Spread(median(known), min(known), max(known)) if known else None


def of(samples: Iterable[Sample], key: Key) -> list[Sample]:
    """Return the samples of one subject, case and concurrency, in the order of the rounds."""
    found = [sample for sample in samples if (sample.subject, sample.case, sample.concurrency) == key]
    return sorted(found, key=lambda sample: sample.round)


def ratio(samples: Iterable[Sample], case: str, concurrency: int, over: str, under: str) -> Spread | None:
    """Compare the CPU of a request of `over` with that of `under`, round by round."""
    samples = list(samples)
    above, below = of(samples, (over, case, concurrency)), of(samples, (under, case, concurrency))
    return spread(a.cpu_ms / b.cpu_ms for a, b in zip(above, below, strict=False) if b.cpu_ms)


def added(samples: Iterable[Sample], key: Key, share: str) -> Spread | None:
    """Return the milliseconds that a subject adds to the direct way at `p50_ms` or `p99_ms`, round by round."""
    samples = list(samples)
    direct = of(samples, ("direct", *key[1:]))
    return spread(getattr(a, share) - getattr(b, share) for a, b in zip(of(samples, key), direct, strict=False))


def keys(samples: Iterable[Sample]) -> list[Key]:
    """Return what was measured, in order of first appearance."""
    return list(dict.fromkeys((sample.subject, sample.case, sample.concurrency) for sample in samples))
