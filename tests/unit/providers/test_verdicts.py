"""The table of verdicts, row by row, and the traps beside each row."""

import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UpstreamFailed
from app.providers import PROVIDERS
from app.providers.limits import DAY_MS, HOUR_MS, MINUTE_MS
from app.providers.verdicts import (
    BURST_RAMP,
    KEY_RAMP,
    PERMISSION_RAMP,
    QUOTA_RAMP,
    TABLE,
    UPSTREAM_RAMP,
    Seen,
    failed,
    judge,
    served,
)
from app.values import Action, Ramp, Reason, Scope, Verdict

NOW = 1_785_500_000_000
H1, H3, D2, D9 = (NOW + span for span in (HOUR_MS, 3 * HOUR_MS, 2 * DAY_MS, 9 * DAY_MS))


def unified(**fields: str | int) -> dict[str, str]:
    """Return unified headers: `_5h_status` is `-5h-status`, times are given in ms."""
    headers = {}
    for name, value in fields.items():
        kind = name.lstrip("_").replace("__", "\0").replace("_", "-").replace("\0", "_")
        headers[f"anthropic-ratelimit-unified-{kind}"] = str(value // 1000 if isinstance(value, int) else value)
    return headers


def error(kind: str, message: str = "Error", **more: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message, **more}}).encode()


def event(kind: str) -> bytes:
    return b"event: error\ndata: " + error(kind) + b"\n\n"


@dataclass(frozen=True)
class Case:
    """One answer and what it must mean."""

    status: int
    reason: Reason
    action: Action
    headers: dict[str, str] = field(default_factory=dict)
    head: bytes = b""
    until: int | None = None
    ramp: Ramp | None = None
    scope: Scope = "account"
    mode: str = "max"
    stream: bool = False


FIVE_HOURS_OUT = unified(
    status="rejected",
    reset=H3,
    _5h_status="rejected",
    _5h_reset=H3,
    _5h_utilization="1.01",
    _7d_status="allowed",
    _7d_reset=D2,
    _7d_utilization="0.69",
    representative_claim="five_hour",
    fallback_percentage="0.5",
    overage_status="rejected",
    overage_disabled_reason="org_level_disabled",
)
MODEL_OUT = unified(
    status="rejected",
    representative_claim="seven_day_overage_included",
    _7d_status="allowed",
    _7d_utilization="0.69",
    _5h_utilization="0.00",
    _7d__oi_status="rejected",
    _7d__oi_reset=D2,
    _7d__oi_utilization="1.02",
    reset=D2,
)

CASES = {
    # Served, whatever the headers say: a success is never thrown away.
    "success": Case(200, "served", "serve", head=b'{"type":"message"}'),
    "success without content": Case(204, "served", "serve"),
    "success with a warning": Case(200, "served", "serve", unified(status="allowed_warning", _5h_utilization="0.99")),
    "success beyond a full window": Case(200, "served", "serve", FIVE_HOURS_OUT),
    "success out of credits": Case(
        200, "served", "serve", unified(status="allowed", overage_disabled_reason="out_of_credits")
    ),
    "stream that starts": Case(200, "served", "serve", head=b"event: message_start\ndata: {}\n\n", stream=True),
    "stream that pings": Case(200, "served", "serve", head=b'event: ping\ndata: {"type":"ping"}\n\n', stream=True),
    "stream not begun": Case(200, "served", "serve", stream=True),
    "error event outside a stream": Case(200, "served", "serve", head=event("overloaded_error")),
    # A model's allotment.
    "out of credits": Case(
        429,
        "model_quota",
        "next",
        unified(overage_disabled_reason="out_of_credits") | {"x-should-retry": "true"},
        until=NOW + 5 * MINUTE_MS,
        scope="model",
    ),
    "out of credits, with a wait": Case(
        429,
        "model_quota",
        "next",
        unified(overage_disabled_reason="out_of_credits") | {"retry-after": "7200"},
        until=NOW + 2 * HOUR_MS,
        scope="model",
    ),
    "model's week rejected": Case(429, "model_quota", "next", MODEL_OUT, until=D2, scope="model"),
    "model's week rejected, with a long wait": Case(
        429, "model_quota", "next", MODEL_OUT | {"retry-after": "121320"}, until=D2, scope="model"
    ),
    "claim on included overage alone": Case(
        429,
        "model_quota",
        "next",
        unified(status="rejected", representative_claim="seven_day_overage_included", reset=D2, _5h_status="allowed"),
        until=D2,
        scope="model",
    ),
    "claim on overage": Case(
        429,
        "model_quota",
        "next",
        unified(status="rejected", representative_claim="overage", reset=H3),
        until=H3,
        scope="model",
    ),
    "opus week rejected": Case(
        429,
        "model_quota",
        "next",
        unified(status="rejected", _7d__opus_status="rejected", _7d__opus_reset=D2, reset=H1),
        until=D2,
        scope="model",
    ),
    "model's reset too far": Case(
        429,
        "model_quota",
        "next",
        unified(status="rejected", _7d__oi_status="rejected", _7d__oi_reset=D9),
        until=NOW + 8 * DAY_MS,
        scope="model",
    ),
    # A window of the account: it wins over whatever is said about overage.
    "5 h rejected": Case(429, "quota", "next", FIVE_HOURS_OUT | {"retry-after": "7835"}, until=H3),
    "5 h rejected, out of credits": Case(
        429, "quota", "next", FIVE_HOURS_OUT | unified(overage_disabled_reason="out_of_credits"), until=H3
    ),
    "only the 5 h set": Case(429, "quota", "next", unified(_5h_status="rejected", _5h_reset=H1), until=H1),
    "both rejected, the latest counts": Case(
        429,
        "quota",
        "next",
        unified(_5h_status="rejected", _5h_reset=H1, _7d_status="rejected", _7d_reset=D2, reset=H1),
        until=D2,
    ),
    "5 h rejected, the week's reset does not count": Case(
        429,
        "quota",
        "next",
        unified(_5h_status="rejected", _5h_reset=H1, _7d_status="allowed_warning", _7d_reset=D2),
        until=H1,
    ),
    "5 h and a model rejected, the model's reset does not count": Case(
        429, "quota", "next", MODEL_OUT | unified(_5h_status="rejected", _5h_reset=H1), until=H1
    ),
    "7 d rejected without a reset, with a wait": Case(
        429,
        "quota",
        "next",
        unified(status="rejected", _7d_status="rejected", overage_disabled_reason="out_of_credits")
        | {"retry-after": "62291"},
        until=NOW + 62_291_000,
    ),
    "claim names the window": Case(
        429,
        "quota",
        "next",
        unified(
            status="rejected", representative_claim="five_hour", reset=H3, overage_disabled_reason="out_of_credits"
        ),
        until=H3,
    ),
    "claimed window has no status of its own": Case(
        429,
        "quota",
        "next",
        unified(status="rejected", representative_claim="five_hour", _5h_reset=H1, _5h_utilization="1.0", reset=H3),
        until=H1,
    ),
    "claimed window says that it allows": Case(
        429,
        "quota",
        "next",
        unified(status="rejected", representative_claim="five_hour", _5h_status="allowed", _5h_reset=H1, reset=H3),
        until=H3,
    ),
    "unified reset alone": Case(429, "quota", "next", unified(reset=H3), until=H3),
    "status and reset": Case(429, "quota", "next", unified(status="rejected", reset=H3), until=H3),
    "old status word": Case(429, "quota", "next", unified(status="rate_limited", reset=H3), until=H3),
    "reset too far": Case(429, "quota", "next", unified(_7d_status="rejected", _7d_reset=D9), until=NOW + 8 * DAY_MS),
    "rejected, reset is past": Case(
        429, "quota", "next", unified(_5h_status="rejected", _5h_reset=NOW - 1000, reset=NOW - 1000), ramp=QUOTA_RAMP
    ),
    "rejected, reset is nonsense": Case(
        429, "quota", "next", unified(_5h_status="rejected", _5h_reset="soon"), ramp=QUOTA_RAMP
    ),
    "rejected and no word more": Case(429, "quota", "next", unified(status="rejected"), ramp=QUOTA_RAMP),
    # Too fast.
    "wait in seconds": Case(429, "burst", "next", {"retry-after": "30"}, until=NOW + 30_000),
    "wait as a float": Case(429, "burst", "next", {"retry-after": "1.5"}, until=NOW + 1500),
    "wait in milliseconds": Case(429, "burst", "next", {"retry-after-ms": "700"}, until=NOW + 700),
    "wait as a date": Case(429, "burst", "next", {"retry-after": "Fri, 31 Jul 2026 12:14:20 GMT"}, until=NOW + 60_000),
    "wait too long": Case(429, "burst", "next", {"retry-after": "7835"}, until=NOW + 5 * MINUTE_MS),
    "all windows allowed, with a wait": Case(
        429,
        "burst",
        "next",
        unified(status="allowed", reset=H3, _5h_status="allowed", _5h_reset=H3) | {"retry-after": "20"},
        until=NOW + 20_000,
    ),
    "all windows allowed, no wait": Case(
        429,
        "burst",
        "next",
        unified(status="allowed_warning", reset=H3, _5h_status="allowed_warning", _5h_reset=H3),
        ramp=BURST_RAMP,
    ),
    "all allowed though out of credits": Case(
        429,
        "burst",
        "next",
        unified(status="allowed", reset=H3, overage_disabled_reason="out_of_credits"),
        ramp=BURST_RAMP,
    ),
    "tokens of a key spent": Case(
        429,
        "burst",
        "next",
        {
            "anthropic-ratelimit-tokens-limit": "10",
            "anthropic-ratelimit-tokens-remaining": "0",
            "anthropic-ratelimit-tokens-reset": "2026-07-31T12:14:00Z",
        },
        until=1_785_500_040_000,
        mode="console",
    ),
    "OpenAI's requests spent": Case(
        429,
        "burst",
        "next",
        {
            "x-ratelimit-limit-requests": "60",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "6m0s",
        },
        until=NOW + 5 * MINUTE_MS,
        mode="openai-compatible",
    ),
    "OpenAI's requests not spent": Case(
        429, "burst", "next", {"x-ratelimit-reset-requests": "6m0s"}, ramp=BURST_RAMP, mode="openai-compatible"
    ),
    "gateway resets soon": Case(
        429,
        "burst",
        "next",
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW + 20_000)},
        until=NOW + 20_000,
        mode="openrouter",
    ),
    "gateway resets tomorrow": Case(
        429,
        "quota",
        "next",
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW + DAY_MS)},
        until=NOW + DAY_MS,
        mode="openrouter",
    ),
    "nothing but 429": Case(
        429, "burst", "next", {"x-should-retry": "true"}, error("rate_limit_error"), ramp=BURST_RAMP
    ),
    "wait of zero": Case(429, "burst", "next", {"retry-after": "0"}, ramp=BURST_RAMP),
    "rate limit as first event": Case(
        200, "burst", "next", {"retry-after": "30"}, event("rate_limit_error"), until=NOW + 30_000, stream=True
    ),
    "credit of OpenAI spent": Case(
        429,
        "quota",
        "next",
        head=error("insufficient_quota", code="insufficient_quota"),
        ramp=QUOTA_RAMP,
        mode="openai-compatible",
    ),
    # Overloaded.
    "529": Case(529, "overloaded", "retry", head=error("overloaded_error"), until=NOW + 10_000),
    "529 with limits": Case(529, "overloaded", "retry", unified(status="allowed", reset=H3), until=NOW + 10_000),
    "529 that wants no retry": Case(529, "overloaded", "next", {"x-should-retry": "false"}, until=NOW + 10_000),
    "overloaded as first event": Case(
        200, "overloaded", "retry", head=event("overloaded_error"), until=NOW + 10_000, stream=True
    ),
    # Credentials.
    "401 of a token": Case(401, "auth", "reauth", head=error("authentication_error"), until=NOW + 60_000),
    "401 of a key": Case(401, "auth", "next", ramp=KEY_RAMP, mode="console"),
    "401 at z.ai": Case(401, "auth", "next", ramp=KEY_RAMP, mode="zai"),
    "401 as first event": Case(
        200, "auth", "reauth", head=event("authentication_error"), until=NOW + 60_000, stream=True
    ),
    "403 revoked token": Case(
        403,
        "auth",
        "reauth",
        head=error("permission_error", "OAuth token has been revoked. Please obtain a new token."),
        until=NOW + 60_000,
    ),
    "403 revoked token, another type": Case(
        403, "auth", "reauth", head=error("authentication_error", "Token was REVOKED"), until=NOW + 60_000
    ),
    "403 revoked key": Case(
        403, "auth", "next", head=error("authentication_error", "Key revoked"), ramp=PERMISSION_RAMP, mode="console"
    ),
    "403 permission of a token": Case(403, "auth", "next", head=error("permission_error"), ramp=PERMISSION_RAMP),
    "403 permission of a key": Case(
        403, "auth", "next", head=error("permission_error"), ramp=PERMISSION_RAMP, mode="console"
    ),
    "403 of something else": Case(403, "client", "serve", head=b"<html>blocked</html>"),
    # The upstream is ill.
    **{
        f"{status}": Case(status, "upstream", "retry", ramp=UPSTREAM_RAMP)
        for status in (500, 502, 503, 504, 501, 520, 522, 530)
    },
    "500 that wants no retry": Case(500, "upstream", "next", {"x-should-retry": "false"}, ramp=UPSTREAM_RAMP),
    "api_error as first event": Case(
        200, "upstream", "retry", head=event("api_error"), ramp=UPSTREAM_RAMP, stream=True
    ),
    "unknown error as first event": Case(
        200, "upstream", "retry", head=b"event: error\ndata: ?\n\n", ramp=UPSTREAM_RAMP, stream=True
    ),
    "timeout_error as first event": Case(
        200, "upstream", "retry", head=event("timeout_error"), ramp=UPSTREAM_RAMP, stream=True
    ),
    # The client's own.
    **{
        f"{status}": Case(status, "client", "serve", head=error("invalid_request_error"))
        for status in (400, 402, 404, 405, 408, 409, 413, 418, 422)
    },
    "400 of extra usage": Case(400, "client", "serve", head=error("invalid_request_error", "out of extra usage")),
    "413 of the edge": Case(413, "client", "serve", {"server": "cloudflare"}, b"<html>413</html>"),
    "404 with limits": Case(404, "client", "serve", FIVE_HOURS_OUT, error("not_found_error")),
    "400 as first event": Case(200, "client", "serve", head=event("invalid_request_error"), stream=True),
    "redirect": Case(307, "client", "serve", {"location": "https://elsewhere.test/"}),
    "not modified": Case(304, "client", "serve"),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_what_an_answer_means(case: Case) -> None:
    verdict = PROVIDERS[case.mode].verdict(case.status, case.headers, case.head, NOW, stream=case.stream)
    assert (verdict.reason, verdict.action, verdict.scope) == (case.reason, case.action, case.scope)
    assert (verdict.until, verdict.ramp) == (case.until, case.ramp)


def test_every_row_has_a_case_that_reaches_it() -> None:
    reached = set()
    for case in CASES.values():
        seen = Seen(case.status, case.headers, case.head, NOW, oauth=case.mode == "max")
        reached.add(next(row.name for row in TABLE if row.when(seen)))
    assert reached == {row.name for row in TABLE}


@pytest.mark.parametrize(
    ("ramp", "cooldowns_s"),
    [
        pytest.param(BURST_RAMP, [0, 30, 60, 120, 240, 300, 300], id="burst: none at first, then doubling to 5 min"),
        pytest.param(UPSTREAM_RAMP, [0, 0, 10, 20, 40, 80, 160, 300], id="upstream: after 3 in a row"),
        pytest.param(KEY_RAMP, [300, 600, 1200, 2400, 4800, 9600, 19200, 21600], id="key: 5 min to 6 h"),
        pytest.param(PERMISSION_RAMP, [0, 300, 600], id="permission: none at first"),
    ],
)
def test_cool_down_grows_with_repetition(ramp: Ramp, cooldowns_s: list[int]) -> None:
    assert [ramp.cooldown_ms(streak) // 1000 for streak in range(1, len(cooldowns_s) + 1)] == cooldowns_s


def test_burst_repeats_only_within_a_minute() -> None:
    assert BURST_RAMP.within_ms == MINUTE_MS


@pytest.mark.parametrize("status", [200, 400, 401, 429, 500, 529])
def test_windows_are_read_from_every_answer(status: int) -> None:
    verdict = PROVIDERS["max"].verdict(status, FIVE_HOURS_OUT, b"", NOW, stream=False)
    assert {window.kind: window.reset_at for window in verdict.windows} == {"5h": H3, "7d": D2}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(unified(_5h_status="rejected", overage_status="rejected"), True, id="passed a full window"),
        pytest.param(unified(_5h_status="allowed", overage_status="rejected"), False, id="overage is off"),
        pytest.param(unified(_7d__oi_status="rejected"), None, id="passed a model's full window"),
        pytest.param(unified(_5h_status="allowed"), None, id="no word"),
        pytest.param({}, None, id="no headers"),
    ],
)
def test_success_tells_whether_the_account_may_go_beyond(headers: dict[str, str], expected: bool | None) -> None:
    assert served(headers, NOW).overage_allowed is expected


@pytest.mark.parametrize(
    ("sent", "action"), [pytest.param(False, "retry", id="unseen"), pytest.param(True, "next", id="maybe seen")]
)
def test_network_failure_is_retried_in_place_only_when_the_request_was_not_seen(sent: bool, action: Action) -> None:
    verdict = failed(UpstreamFailed("refused", phase="connect", sent=sent))
    assert verdict == Verdict("upstream", action, ramp=UPSTREAM_RAMP, detail="connect: refused")


def test_detail_says_what_the_upstream_said_without_its_secrets() -> None:
    head = error("authentication_error", "invalid x-api-key sk-ant-api03-secretsecret")
    verdict = PROVIDERS["console"].verdict(401, {}, head, NOW, stream=False)
    assert verdict.detail == "authentication_error: invalid x-api-key sk-ant-***"


def test_detail_is_the_status_when_nothing_was_said() -> None:
    assert PROVIDERS["console"].verdict(502, {}, b"", NOW, stream=False).detail == "502"


_HEADER = st.sampled_from(
    [*FIVE_HOURS_OUT, *MODEL_OUT, "retry-after", "retry-after-ms", "x-ratelimit-reset", "x-ratelimit-remaining"]
)
_VALUE = st.sampled_from(["rejected", "allowed", "0", "1.0", str(H3 // 1000), str(D9 // 1000), "five_hour"]) | st.text()


@given(
    st.integers(100, 599),
    st.dictionaries(_HEADER, _VALUE, max_size=8),
    st.binary(max_size=60) | st.sampled_from([error("permission_error"), event("api_error")]),
    st.booleans(),
    st.sampled_from(sorted(PROVIDERS)),
)
def test_every_answer_has_a_verdict_within_bounds(
    status: int, headers: dict[str, str], head: bytes, stream: bool, mode: str
) -> None:
    verdict = PROVIDERS[mode].verdict(status, headers, head, NOW, stream=stream)
    assert verdict.until is None or NOW < verdict.until <= NOW + 8 * DAY_MS
    assert verdict.until is None or verdict.ramp is None
    if 200 <= status < 300 and not stream:
        assert verdict.action == "serve"
    if status == 429:
        assert verdict.action == "next"
    if verdict.action == "serve":
        assert verdict.until is None
        assert verdict.ramp is None


def test_first_matching_row_wins() -> None:
    seen = Seen(429, FIVE_HOURS_OUT | {"retry-after": "5"}, b"", NOW, oauth=True)
    assert sum(row.when(seen) for row in TABLE) > 2
    assert judge(TABLE, seen).reason == "quota"
