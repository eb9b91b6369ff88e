"""What usage endpoints answer, read tolerantly: unknown windows are kept, nulls and nonsense are left out."""

from collections.abc import Iterator, Mapping

from app.providers.limits import instant, number
from app.providers.models import FAMILIES, model_family
from app.providers.oauth import json_object
from app.values import Window

_KINDS = {"five_hour": "5h", "seven_day": "7d", "seven_day_overage_included": "7d_oi"}
_LIMIT_KINDS = {"session": "5h", "weekly_all": "7d"}
_NO_WINDOWS = frozenset({"extra_usage", "spend", "limits"})
_ZAI_KINDS = {"TOKENS_LIMIT": "5h", "TIME_LIMIT": "time_limit"}


def anthropic_windows(body: bytes, now_ms: int) -> tuple[Window, ...]:
    """Return the windows of Anthropic's usage endpoint, from its named entries and its `limits` list."""
    found: dict[str, Window] = {}
    answer = json_object(body)
    for kind, percent, reset in (*_named(answer), *_listed(answer)):
        utilization = number(percent)
        if utilization is not None and kind not in found:
            found[kind] = Window(kind, utilization / 100, instant(reset, now_ms), None, now_ms, "poll")
    return tuple(found.values())


def anthropic_overage(body: bytes) -> bool | None:
    """Return whether the account may go on beyond a full window; None when the answer does not say."""
    answer = json_object(body)
    for name, flag in (("spend", "enabled"), ("extra_usage", "is_enabled")):
        entry = answer.get(name)
        value = entry.get(flag) if isinstance(entry, dict) else None
        if isinstance(value, bool):
            return value
    return None


def zai_windows(body: bytes, now_ms: int) -> tuple[Window, ...]:
    """Return the windows of z.ai's quota endpoint."""
    data = json_object(body).get("data")
    limits = data.get("limits") if isinstance(data, dict) else None
    found: dict[str, Window] = {}
    for entry in limits if isinstance(limits, list) else ():
        kind = _ZAI_KINDS.get(str(entry.get("type"))) if isinstance(entry, dict) else None
        utilization = number(entry.get("percentage")) if kind else None
        if kind and utilization is not None:
            reset_at = instant(entry.get("nextResetTime"), now_ms)
            found.setdefault(kind, Window(kind, utilization / 100, reset_at, None, now_ms, "poll"))
    return tuple(found.values())


def _named(answer: Mapping[str, object]) -> Iterator[tuple[str, object, object]]:
    for name, entry in answer.items():
        if name not in _NO_WINDOWS and isinstance(entry, dict):
            yield _kind(name), entry.get("utilization"), entry.get("resets_at")


def _listed(answer: Mapping[str, object]) -> Iterator[tuple[str, object, object]]:
    entries = answer.get("limits")
    for entry in entries if isinstance(entries, list) else ():
        kind = _listed_kind(entry) if isinstance(entry, dict) else None
        if kind:
            yield kind, entry.get("percent"), entry.get("resets_at")


def _kind(name: str) -> str:
    """Return `7d_opus` for `seven_day_opus`; a name of no known length stays as it is."""
    if name in _KINDS:
        return _KINDS[name]
    return f"7d_{name.removeprefix('seven_day_')}" if name.startswith("seven_day_") else name


def _listed_kind(entry: Mapping[str, object]) -> str | None:
    kind = entry.get("kind")
    if not isinstance(kind, str):
        return None
    if kind != "weekly_scoped":
        return _LIMIT_KINDS.get(kind, kind)
    scope = entry.get("scope")
    model = scope.get("model") if isinstance(scope, dict) else None
    name = (model.get("id") or model.get("display_name")) if isinstance(model, dict) else None
    family = model_family(name) if isinstance(name, str) else None
    return f"7d_{family}" if family in FAMILIES else None
