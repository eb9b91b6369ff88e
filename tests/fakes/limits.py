"""Rate limits as the providers tell them: windows on every answer, rejections, and the usage endpoint."""

import math
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

Pairs = list[tuple[str, str]]
_P = "anthropic-ratelimit-unified-"
_MESSAGE = "This request would exceed your account's rate limit. Please try again later."


@dataclass(slots=True)
class Windows:
    """What one credential has used: fractions of its 5 h and 7 d windows, and when they reset (epoch s)."""

    five_hour: float = 0.12
    seven_day: float = 0.31
    five_hour_reset: float = field(default_factory=lambda: time.time() + 3 * 3600)
    seven_day_reset: float = field(default_factory=lambda: time.time() + 4 * 86400)
    served: int = 0

    def serve(self) -> None:
        """Count one answer; a window whose reset has passed starts anew."""
        now = time.time()
        self.served += 1
        if now >= self.five_hour_reset:
            self.five_hour, self.five_hour_reset = 0.0, now + 5 * 3600
        if now >= self.seven_day_reset:
            self.seven_day, self.seven_day_reset = 0.0, now + 7 * 86400
        self.five_hour = min(0.99, self.five_hour + 0.0013)
        self.seven_day = min(0.99, self.seven_day + 0.0002)


def answer_headers(windows: Windows, *, is_oauth: bool) -> Pairs:
    """Return the rate-limit headers of a served answer."""
    windows.serve()
    if not is_oauth:
        return key_headers(windows.served)
    warning = "allowed_warning" if windows.five_hour >= 0.9 else "allowed"
    reset = str(math.ceil(windows.five_hour_reset))
    return [
        (_P + "status", warning),
        (_P + "5h-status", warning),
        (_P + "5h-reset", reset),
        (_P + "5h-utilization", f"{windows.five_hour:.4f}"),
        (_P + "7d-status", "allowed"),
        (_P + "7d-reset", str(math.ceil(windows.seven_day_reset))),
        (_P + "7d-utilization", f"{windows.seven_day:.4f}"),
        (_P + "representative-claim", "five_hour"),
        (_P + "reset", reset),
        (_P + "fallback-percentage", "0.5"),
        (_P + "overage-status", "rejected"),
        (_P + "overage-disabled-reason", "org_level_disabled"),
    ]


def key_headers(used: int, *, empty: str | None = None, reset_in_s: float = 30) -> Pairs:
    """Return the documented set of an API key; `empty` names the limit with nothing left."""
    reset = _rfc3339(time.time() + reset_in_s)
    limits = (("requests", 4000), ("input-tokens", 2_000_000), ("output-tokens", 400_000), ("tokens", 2_400_000))
    pairs = []
    for name, limit in limits:
        left = 0 if name == empty else max(0, limit - used % limit)
        pairs += [
            (f"anthropic-ratelimit-{name}-limit", str(limit)),
            (f"anthropic-ratelimit-{name}-remaining", str(left)),
            (f"anthropic-ratelimit-{name}-reset", reset),
        ]
    return pairs


def rejection(step: dict[str, Any]) -> tuple[Pairs, Any, str]:
    """Return headers, whole body (or None for the usual shape) and message of a 429."""
    window, in_s = step["window"], step["reset_in_s"]
    after = ("retry-after", str(math.ceil(in_s)))
    if window == "retry-after":
        return [after], None, _MESSAGE
    if window == "windowless":
        return [("x-should-retry", "true")], None, "Error"
    if window == "zai":
        at = datetime.fromtimestamp(time.time() + in_s, timezone(timedelta(hours=8)))
        text = f"Usage limit reached for 5 hour. Your limit will reset at {at:%Y-%m-%d %H:%M:%S}"
        return [], {"type": "error", "error": {"type": "1308", "message": text}, "request_id": "20261122"}, text
    if window.startswith("openai"):
        return _openai_rejection(window, in_s)
    if window in ("requests", "tokens", "input-tokens", "output-tokens"):
        pairs = [*key_headers(0, empty=window, reset_in_s=in_s), after]
        return pairs, None, f"This request would exceed your organization's rate limit of {window} per minute."
    return [*_unified_rejection(step), after, ("x-should-retry", "true")], None, _MESSAGE


def _unified_rejection(step: dict[str, Any]) -> Pairs:
    window, in_s = step["window"], step["reset_in_s"]
    reset = math.ceil(time.time() + in_s)
    later = math.ceil(time.time() + step.get("reset_7d_in_s", 4 * 86400))
    five = [("5h-status", "allowed"), ("5h-reset", str(math.ceil(time.time() + 9000))), ("5h-utilization", "0.42")]
    seven = [("7d-status", "allowed"), ("7d-reset", str(later)), ("7d-utilization", "0.69")]
    claim, overall = "five_hour", reset
    extra: Pairs = []
    if window in ("5h", "both", "5h-only", "unified-only"):
        five = [
            ("5h-status", "rejected"),
            ("5h-reset", str(reset)),
            ("5h-utilization", "1.01"),
            ("5h-surpassed-threshold", "1.0"),
        ]
    if window in ("7d", "both"):
        at = later if window == "both" else reset
        seven = [
            ("7d-status", "rejected"),
            ("7d-reset", str(at)),
            ("7d-utilization", "1.0"),
            ("7d-surpassed-threshold", "1.0"),
        ]
        claim, overall = "seven_day", at
    if window.startswith("7d_"):
        extra = [(f"{window}-status", "rejected"), (f"{window}-reset", str(reset)), (f"{window}-utilization", "1.0")]
        claim = "seven_day_overage_included" if window == "7d_oi" else f"seven_day_{window[3:]}"
    common = [("status", "rejected"), ("reset", str(overall))]
    reason = "out_of_credits" if window == "out_of_credits" else "org_level_disabled"
    tail = [
        ("representative-claim", claim),
        ("fallback-percentage", "0.5"),
        ("overage-status", "rejected"),
        ("overage-disabled-reason", reason),
    ]
    chosen = {"5h-only": five, "unified-only": common}.get(window) or [*common, *five, *seven, *extra, *tail]
    return [(_P + name, value) for name, value in chosen]


def _openai_rejection(window: str, in_s: float) -> tuple[Pairs, Any, str]:
    minutes, seconds = divmod(math.ceil(in_s), 60)
    pairs = [
        ("retry-after", str(math.ceil(in_s))),
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", f"{minutes}m{seconds}s"),
    ]
    code = "insufficient_quota" if window == "openai-quota" else "rate_limit_exceeded"
    kind = code if window == "openai-quota" else "requests"
    text = "You exceeded your current quota." if window == "openai-quota" else "Rate limit reached for requests."
    return pairs, {"error": {"message": text, "type": kind, "param": None, "code": code}}, text


def usage_report(windows: Windows, step: dict[str, Any]) -> dict[str, Any]:
    """Return a body of the usage endpoint; utilisation counts to 100 there."""
    now = time.time()
    five = step.get("five_hour", round(windows.five_hour * 100, 1))
    seven = step.get("seven_day", round(windows.seven_day * 100, 1))
    five_at = _rfc3339(now + step["reset_in_s"] if "reset_in_s" in step else windows.five_hour_reset)
    seven_at = _rfc3339(now + step["reset_7d_in_s"] if "reset_7d_in_s" in step else windows.seven_day_reset)
    shape = step.get("shape", "flat")
    flat = {
        "five_hour": {"utilization": five, "resets_at": five_at},
        "seven_day": {"utilization": seven, "resets_at": seven_at},
        "seven_day_oauth_apps": None,
        "seven_day_opus": None,
        "seven_day_sonnet": {"utilization": 3.0, "resets_at": seven_at},
        "iguana_necktie": None,
        "extra_usage": {"is_enabled": False, "monthly_limit": None, "used_credits": None, "utilization": None},
    }
    limits = [
        _limit("session", "session", five, five_at),
        _limit("weekly_all", "weekly", seven, seven_at),
        _limit("weekly_scoped", "weekly", 3.0, seven_at, model="Opus"),
    ]
    if shape == "flat":
        return flat
    if shape == "nulls":
        return {
            **flat,
            "seven_day": None,
            "five_hour": {"utilization": None, "resets_at": None},
            "seven_day_sonnet": None,
        }
    if shape == "unknown":
        odd: dict[str, Any] = {
            "kind": "fortnightly_moon",
            "group": None,
            "percent": "much",
            "resets_at": 12,
            "scope": [],
            "is_active": None,
        }
        return {"limits": [*limits, odd, None, {}], "tangerine_owl": {"utilization": 5}, "five_hour": flat["five_hour"]}
    spend = {
        "enabled": False,
        "percent": 0,
        "used": {"amount_minor": 0, "currency": "USD", "exponent": 2},
        "limit": None,
    }
    listed = {"limits": limits, "spend": {**spend, "disabled_reason": None}}
    return listed if shape == "limits" else {**flat, **listed}


def _limit(kind: str, group: str, percent: float, resets_at: str, model: str | None = None) -> dict[str, Any]:
    scope = {"model": {"id": None, "display_name": model}, "surface": None} if model else None
    return {
        "kind": kind,
        "group": group,
        "percent": percent,
        "severity": "normal",
        "resets_at": resets_at,
        "scope": scope,
        "is_active": True,
    }


def _rfc3339(at: float) -> str:
    return _second_text(math.ceil(at))


@lru_cache(maxsize=256)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
