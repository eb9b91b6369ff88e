"""How fast a window fills and when it will be full: pure functions over samples, honest about what they cannot know.

Utilisation counts in fractions of one window, so a burn rate of 0.2 an hour fills an empty window in five hours. For
the pool every account's window counts as one, whatever its plan: the sum is an estimate and says so by its confidence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal

from app.values import Window

Outlook = Literal["unknown", "idle", "lasts", "runs_out", "full"]
Confidence = Literal["none", "low", "medium", "high"]

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

SAME_RESET_MS = 2 * MINUTE_MS
"""Resets that differ by less are one: headers and the usage endpoint round differently."""

_MAX_POINTS = 60
_MIN_POINTS = 3
_DROP = 0.01
_IDLE_PER_HOUR = 0.0005


@dataclass(frozen=True, slots=True)
class Sample:
    """One observation of a window. `utilization`: 0-1, above 1 beyond the limit."""

    at: int
    utilization: float
    reset_at: int | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a window, or the pool, is heading for if use goes on as it did.

    `burn_per_hour` None: unknown, and `reason` says why. `empty_at`: when nothing is left; None unless the outlook is
    `runs_out` or `full`. `lasts`: the reset comes first.
    """

    outlook: Outlook
    confidence: Confidence
    reason: str | None = None
    burn_per_hour: float | None = None
    empty_at: int | None = None
    utilization: float | None = None
    """As of the newest sample, for the pool the mean."""
    reset_at: int | None = None
    points: int = 0


@dataclass(frozen=True, slots=True)
class _Horizon:
    """How far back to look, how long a span tells anything, and from which age on a sample is too old."""

    look_back_ms: int
    min_span_ms: int
    stale_ms: int


_SHORT = _Horizon(90 * MINUTE_MS, 5 * MINUTE_MS, 20 * MINUTE_MS)
_LONG = _Horizon(36 * HOUR_MS, HOUR_MS, 3 * HOUR_MS)


def forecast(window: Window, samples: Iterable[Sample], now_ms: int) -> Forecast:
    """Return what one window of one account is heading for. `samples`: of that window, in any order."""
    horizon = _horizon(window.kind)
    if window.reset_at is not None and window.reset_at <= now_ms:
        return _unknown("the window has reset and was not used since")
    run = _since_reset(samples, window, now_ms)
    if not run:
        return _unknown("no samples since the last reset", window.reset_at)
    newest = run[-1]
    if now_ms - newest.at > horizon.stale_ms:
        return _unknown("the newest sample is too old", window.reset_at, len(run))
    known = Forecast("unknown", "none", None, None, None, newest.utilization, window.reset_at, len(run))
    if newest.utilization >= 1:
        return replace(known, outlook="full", confidence="high", empty_at=newest.at)
    recent = [sample for sample in run if sample.at >= newest.at - horizon.look_back_ms]
    if len(recent) < _MIN_POINTS:
        return replace(known, reason="too few samples since the last reset")
    if newest.at - recent[0].at < horizon.min_span_ms:
        return replace(known, reason="the samples span too short a time")
    slopes = _slopes(_thinned(recent))
    burn = max(0.0, median(slopes)) * HOUR_MS
    known = replace(known, confidence=_confidence(recent, slopes, horizon), burn_per_hour=burn)
    if burn < _IDLE_PER_HOUR:
        return replace(known, outlook="idle")
    empty_at = max(now_ms, newest.at + int((1 - newest.utilization) / burn * HOUR_MS))
    if window.reset_at is not None and empty_at >= window.reset_at:
        return replace(known, outlook="lasts")
    return replace(known, outlook="runs_out", empty_at=empty_at)


def pool_forecast(forecasts: Mapping[str, Forecast], now_ms: int) -> Forecast:
    """Return what the accounts together are heading for; `forecasts`: of the same kind of window, by account.

    What one account burns, another would burn in its place. A reset gives back at least what is used now, and that
    much is counted; more would depend on who is used first.
    """
    known = {name: one for name, one in forecasts.items() if one.utilization is not None}
    burning = [one for one in known.values() if one.burn_per_hour is not None]
    if not known:
        return _unknown("nothing is known of any account")
    full = [one for one in known.values() if one.outlook == "full"]
    if not burning and len(full) < len(known):
        return _unknown("no account has a known burn rate", points=len(known))
    left = sum(max(0.0, 1 - (one.utilization or 0.0)) for one in known.values())
    used = sum(min(1.0, one.utilization or 0.0) for one in known.values()) / len(known)
    burn = sum(one.burn_per_hour or 0.0 for one in burning)
    is_whole = len(burning) + len(full) == len(forecasts)
    reason = None if is_whole else f"unknown: {', '.join(sorted(set(forecasts) - _told(known)))}"
    confidence = _least([one.confidence for one in burning]) if is_whole else "low"
    resets = sorted((one.reset_at, min(1.0, one.utilization or 0.0)) for one in known.values() if one.reset_at)
    first_reset = resets[0][0] if resets else None
    base = Forecast("unknown", confidence, reason, burn, None, used, first_reset, len(known))
    if left <= 0 and not is_whole:
        return replace(base, confidence="none")
    if left <= 0:
        return replace(base, outlook="full", confidence="high", empty_at=now_ms)
    if burn < _IDLE_PER_HOUR:
        return replace(base, outlook="idle")
    empty_at = _walk(left, burn / HOUR_MS, resets, now_ms)
    return replace(base, outlook="lasts" if empty_at is None else "runs_out", empty_at=empty_at)


def _walk(left: float, burn: float, resets: Sequence[tuple[int, float]], now_ms: int) -> int | None:
    """Return when nothing is left, with each reset giving back its part; None when every reset comes in time."""
    at = now_ms
    for reset_at, gain in resets:
        if reset_at <= at:
            continue
        spent = burn * (reset_at - at)
        if spent >= left:
            return at + int(left / burn)
        left += gain - spent
        at = reset_at
    return None if resets else at + int(left / burn)


def _told(known: Mapping[str, Forecast]) -> set[str]:
    return {name for name, one in known.items() if one.burn_per_hour is not None or one.outlook == "full"}


def _since_reset(samples: Iterable[Sample], window: Window, now_ms: int) -> list[Sample]:
    """Return the samples of the running window, oldest first, beginning behind the last drop."""
    ordered = sorted((s for s in samples if s.at <= now_ms and _is_same(s.reset_at, window.reset_at)), key=_by_time)
    begin = 0
    for index in range(1, len(ordered)):
        if ordered[index].utilization < ordered[index - 1].utilization - _DROP:
            begin = index
    return ordered[begin:]


def _is_same(one: int | None, other: int | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) < SAME_RESET_MS


def _by_time(sample: Sample) -> tuple[int, float]:
    return sample.at, sample.utilization


def _thinned(samples: list[Sample]) -> list[Sample]:
    """Return at most `_MAX_POINTS` of the samples, the first and the last among them."""
    count = len(samples)
    if count <= _MAX_POINTS:
        return samples
    return [samples[index * (count - 1) // (_MAX_POINTS - 1)] for index in range(_MAX_POINTS)]


def _slopes(samples: list[Sample]) -> list[float]:
    """Return the slope of every pair (Theil-Sen): their median shrugs off stray samples."""
    return [
        (later.utilization - earlier.utilization) / (later.at - earlier.at)
        for index, earlier in enumerate(samples)
        for later in samples[index + 1 :]
        if later.at > earlier.at
    ]


def _confidence(samples: list[Sample], slopes: list[float], horizon: _Horizon) -> Confidence:
    """Judge by number, span and how much the pairs agree."""
    middle = median(slopes)
    spread = median(abs(slope - middle) for slope in slopes)
    is_steady = spread <= max(abs(middle) / 2, _IDLE_PER_HOUR / HOUR_MS)
    span = samples[-1].at - samples[0].at
    if len(samples) >= 10 and span >= 4 * horizon.min_span_ms and is_steady:
        return "high"
    return "medium" if len(samples) >= 5 and span >= 2 * horizon.min_span_ms else "low"


def _least(found: list[Confidence]) -> Confidence:
    order: tuple[Confidence, ...] = ("none", "low", "medium", "high")
    return min(found, key=order.index, default="none")


def _horizon(kind: str) -> _Horizon:
    return _LONG if kind.startswith("7d") else _SHORT


def _unknown(reason: str, reset_at: int | None = None, points: int = 0) -> Forecast:
    return Forecast("unknown", "none", reason, reset_at=reset_at, points=points)
