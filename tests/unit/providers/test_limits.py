"""Rate-limit headers, in every form that was seen and in some that make no sense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.limits import (
    DAY_MS,
    instant,
    is_model_kind,
    named_reset_at,
    number,
    overage_allowed,
    retry_after_ms,
    spent_reset_at,
    windows,
)
from app.values import Window

NOW = 1_785_500_000_000  # 2026-07-31T12:13:20Z
U = "anthropic-ratelimit-unified-"


def test_unified_windows_are_read_whatever_their_kind() -> None:
    headers = {
        f"{U}status": "rejected",
        f"{U}reset": "1785518400",
        f"{U}5h-status": "rejected",
        f"{U}5h-reset": "1785518400",
        f"{U}5h-utilization": "1.01",
        f"{U}5h-surpassed-threshold": "1.0",
        f"{U}7d-status": "Allowed",
        f"{U}7d-utilization": "0.69",
        f"{U}7d_oi-reset": "1786006800",
        f"{U}overage-status": "rejected",
        f"{U}overage-reset": "1786006800",
        f"{U}representative-claim": "five_hour",
    }
    assert windows(headers, NOW) == (
        Window("5h", 1.01, 1_785_518_400_000, "rejected", NOW, "header"),
        Window("7d", 0.69, None, "allowed", NOW, "header"),
        Window("7d_oi", None, 1_786_006_800_000, None, NOW, "header"),
    )


def test_windows_of_an_api_key_are_read() -> None:
    headers = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "20",
        "anthropic-ratelimit-requests-reset": "2026-07-31T12:14:00Z",
        "anthropic-ratelimit-input-tokens-limit": "1000",
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-output-tokens-remaining": "7",
        "anthropic-ratelimit-tokens-limit": "0",
        "anthropic-ratelimit-tokens-remaining": "0",
    }
    assert windows(headers, NOW) == (
        Window("requests", 0.6, 1_785_500_040_000, None, NOW, "header"),
        Window("input_tokens", 1.0, None, None, NOW, "header"),
    )


def test_windows_of_openai_are_read() -> None:
    headers = {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "6m0s",
        "x-ratelimit-reset-tokens": "1m30.5s",
    }
    assert windows(headers, NOW) == (
        Window("requests", 1.0, NOW + 360_000, None, NOW, "header"),
        Window("tokens", None, NOW + 90_500, None, NOW, "header"),
    )


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf", "-1", "-5", "1e400", "0x10", "99999999999999999999"])
def test_nonsense_in_a_window_is_unknown_and_not_zero(value: str) -> None:
    headers = {f"{U}5h-reset": value, f"{U}5h-status": "allowed", f"{U}5h-utilization": "nan"}
    assert windows(headers, NOW) == (Window("5h", None, None, "allowed", NOW, "header"),)


def test_a_window_of_which_nothing_is_known_is_left_out() -> None:
    assert windows({f"{U}5h-reset": "soon", f"{U}7d-status": " "}, NOW) == ()


@given(
    st.dictionaries(
        st.sampled_from(
            [f"{U}5h-reset", f"{U}5h-utilization", "anthropic-ratelimit-tokens-limit", "x-ratelimit-reset-requests",
             "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset", f"{U}7d-reset"]
        ),
        st.text() | st.from_regex(r"[-0-9.:eTZsmhd+ ]{1,24}", fullmatch=True),
    )
)  # fmt: skip
def test_no_value_breaks_the_reader(headers: dict[str, str]) -> None:
    for window in windows(headers, NOW):
        assert window.utilization is None or window.utilization >= 0
        assert window.reset_at is None or abs(window.reset_at - NOW) <= 32 * DAY_MS


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("1785518400", 1_785_518_400_000, id="epoch seconds"),
        pytest.param("1785518400.5", 1_785_518_400_500, id="fractions of a second"),
        pytest.param("1785518400123", 1_785_518_400_123, id="epoch milliseconds"),
        pytest.param(1785518400, 1_785_518_400_000, id="a number"),
        pytest.param("2026-07-31T17:20:00Z", 1_785_518_400_000, id="RFC 3339"),
        pytest.param("2026-07-31T19:20:00.000+02:00", 1_785_518_400_000, id="RFC 3339 with offset"),
        pytest.param("Fri, 31 Jul 2026 17:20:00 GMT", 1_785_518_400_000, id="HTTP date"),
        pytest.param("6m0s", NOW + 360_000, id="span"),
        pytest.param("250ms", NOW + 250, id="span of milliseconds"),
        pytest.param("1d2h", NOW + 93_600_000, id="span of days"),
        pytest.param("6m and more", None, id="span with a rest"),
        pytest.param("60", None, id="too small for a time"),
        pytest.param("9999999999", None, id="too far away"),
        pytest.param("0001-01-01T00:00:00", None, id="long ago"),
        pytest.param(True, None, id="a boolean"),
        pytest.param(None, None, id="none"),
        pytest.param({"a": 1}, None, id="an object"),
    ],
)
def test_time_in_any_form(value: object, expected: int | None) -> None:
    assert instant(value, NOW) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({"retry-after": "30"}, 30_000, id="seconds"),
        pytest.param({"retry-after": "0.25"}, 250, id="float"),
        pytest.param({"retry-after": "Fri, 31 Jul 2026 12:14:20 GMT"}, 60_000, id="HTTP date"),
        pytest.param({"retry-after": "Fri, 31 Jul 2026 12:00:00 GMT"}, None, id="HTTP date in the past"),
        pytest.param({"retry-after-ms": "1500", "retry-after": "30"}, 1500, id="milliseconds win"),
        pytest.param({"retry-after-ms": "x", "retry-after": "30"}, 30_000, id="milliseconds are nonsense"),
        pytest.param({"retry-after": "0"}, None, id="zero"),
        pytest.param({"retry-after": "-3"}, None, id="negative"),
        pytest.param({"retry-after": "soon"}, None, id="nonsense"),
        pytest.param({"retry-after": "1e300"}, 32 * DAY_MS, id="without end"),
        pytest.param({"retry-after-ms": "1e300"}, 32 * DAY_MS, id="milliseconds without end"),
        pytest.param({}, None, id="none"),
    ],
)
def test_wait_that_an_answer_asks_for(headers: dict[str, str], expected: int | None) -> None:
    assert retry_after_ms(headers, NOW) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1785500060", NOW + 60_000),
        ("1785500060000", NOW + 60_000),
        ("60", NOW + 60_000),
        ("6m0s", NOW + 360_000),
        ("1785499999", None),
        ("0", None),
        ("never", None),
    ],
)
def test_plain_reset_of_a_gateway(value: str, expected: int | None) -> None:
    assert named_reset_at({"x-ratelimit-reset": value}, NOW) == expected


def test_reset_of_the_last_spent_limit_counts() -> None:
    seen = (
        Window("requests", 1.0, NOW + 5_000, None, NOW, "header"),
        Window("tokens", 1.0, NOW + 9_000, None, NOW, "header"),
        Window("input_tokens", 0.5, NOW + 60_000, None, NOW, "header"),
        Window("5h", 1.0, NOW + 90_000, None, NOW, "header"),
    )
    assert spent_reset_at(seen, NOW) == NOW + 9_000
    assert spent_reset_at(seen[2:], NOW) is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({f"{U}overage-status": "allowed"}, True),
        ({f"{U}overage-status": "allowed_warning"}, True),
        ({f"{U}overage-status": "rejected", f"{U}overage-disabled-reason": "out_of_credits"}, False),
        ({f"{U}overage-disabled-reason": "org_level_disabled"}, False),
        ({f"{U}5h-status": "allowed"}, None),
    ],
)
def test_overage_as_the_headers_tell_it(headers: dict[str, str], expected: bool | None) -> None:
    assert overage_allowed(headers) is expected


@pytest.mark.parametrize(("kind", "is_model"), [("5h", False), ("7d", False), ("7d_oauth_apps", False), ("7d_oi", True),
                                               ("7d_opus", True), ("requests", False), ("tokens", False)])  # fmt: skip
def test_kinds_that_are_some_models_allotment(kind: str, is_model: bool) -> None:
    assert is_model_kind(kind) is is_model


@pytest.mark.parametrize(
    ("value", "expected"), [("1", 1.0), (2, 2.0), ("-1", None), (True, None), ([], None), ("x", None)]
)
def test_number_is_finite_and_not_negative(value: object, expected: float | None) -> None:
    assert number(value) == expected
