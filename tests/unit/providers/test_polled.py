"""Usage endpoints: flat and listed payloads, nulls, unknown kinds."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.polled import anthropic_overage, anthropic_windows, zai_windows
from app.values import Window

NOW = 1_785_500_000_000
AT, AT_MS = "2026-07-31T17:20:00.123456+00:00", 1_785_518_400_123


def window(kind: str, utilization: float, reset_at: int | None = AT_MS) -> Window:
    return Window(kind, utilization, reset_at, None, NOW, "poll")


def read(**payload: object) -> tuple[Window, ...]:
    return anthropic_windows(json.dumps(payload).encode(), NOW)


def scoped(model: object) -> dict[str, object]:
    return {"kind": "weekly_scoped", "percent": 40, "resets_at": AT, "scope": {"model": model}}


def test_flat_payload() -> None:
    seen = read(
        five_hour={"utilization": 12.0, "resets_at": AT},
        seven_day={"utilization": 100, "resets_at": AT},
        seven_day_oauth_apps=None,
        seven_day_opus={"utilization": 0, "resets_at": None},
        seven_day_overage_included={"utilization": 88, "resets_at": AT},
        iguana_necktie={"utilization": 5, "resets_at": AT},
        extra_usage={"is_enabled": False, "utilization": 50},
        spend={"enabled": False, "percent": 0},
    )
    assert seen == (
        window("5h", 0.12),
        window("7d", 1.0),
        window("7d_opus", 0.0, None),
        window("7d_oi", 0.88),
        window("iguana_necktie", 0.05),
    )


def test_listed_payload() -> None:
    seen = read(
        limits=[
            {"kind": "session", "percent": 12, "resets_at": AT, "scope": None, "is_active": True},
            {"kind": "weekly_all", "percent": 30.5, "resets_at": AT},
            scoped({"id": None, "display_name": "Opus"}),
            scoped({"id": "claude-sonnet-5", "display_name": None}),
            {"kind": "monthly", "percent": 1, "resets_at": None},
        ]
    )
    assert seen == (
        window("5h", 0.12),
        window("7d", 0.305),
        window("7d_opus", 0.4),
        window("7d_sonnet", 0.4),
        window("monthly", 0.01, None),
    )


@pytest.mark.parametrize("model", [None, {}, {"display_name": "Surprise"}, "Opus", {"id": 7}])
def test_scope_that_names_no_family_is_left_out(model: object) -> None:
    assert read(limits=[scoped(model)]) == ()


def test_named_entry_wins_over_the_list() -> None:
    assert read(five_hour={"utilization": 1, "resets_at": AT}, limits=[{"kind": "session", "percent": 9}]) == (
        window("5h", 0.01),
    )


@pytest.mark.parametrize(
    "payload",
    [
        {"five_hour": {"utilization": None, "resets_at": AT}},
        {"five_hour": {"utilization": "much"}},
        {"five_hour": {"utilization": -1}},
        {"five_hour": {"utilization": True}},
        {"five_hour": [1]},
        {"limits": {"kind": "session", "percent": 1}},
        {"limits": [None, 1, "x", {"kind": None, "percent": 1}, {"percent": 3}]},
        {},
    ],
)
def test_entry_without_a_value_is_left_out(payload: dict[str, object]) -> None:
    assert read(**payload) == ()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null"])
def test_what_is_no_payload_holds_no_windows(body: bytes) -> None:
    assert anthropic_windows(body, NOW) == ()
    assert zai_windows(body, NOW) == ()
    assert anthropic_overage(body) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(AT),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["five_hour", "limits", "kind", "percent", "scope", "model", "utilization", "data", "type"])
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
)


@given(_JSON)
def test_no_payload_breaks_the_reader(payload: object) -> None:
    body = json.dumps(payload).encode()
    for seen in (*anthropic_windows(body, NOW), *zai_windows(body, NOW)):
        assert seen.utilization is not None
        assert seen.utilization >= 0
    anthropic_overage(body)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"extra_usage": {"is_enabled": True}}, True),
        ({"extra_usage": {"is_enabled": False}}, False),
        ({"spend": {"enabled": False}, "extra_usage": {"is_enabled": True}}, False),
        ({"spend": None, "extra_usage": {"is_enabled": True}}, True),
        ({"extra_usage": {"is_enabled": "yes"}}, None),
        ({}, None),
    ],
)
def test_overage_as_the_usage_endpoint_tells_it(payload: dict[str, object], expected: bool | None) -> None:
    assert anthropic_overage(json.dumps(payload).encode()) is expected


def test_zai_payload() -> None:
    limits = [
        {"type": "TIME_LIMIT", "currentValue": 1, "remaining": 99, "percentage": 1},
        {"type": "TOKENS_LIMIT", "percentage": 62, "nextResetTime": AT_MS},
        {"type": "NEW_LIMIT", "percentage": 3},
        {"type": "TOKENS_LIMIT", "percentage": 99},
        {"type": "TIME_LIMIT", "percentage": None},
        "x",
    ]
    body = json.dumps({"success": True, "data": {"limits": limits}}).encode()
    assert zai_windows(body, NOW) == (window("time_limit", 0.01, None), window("5h", 0.62))
