"""Rate limits: the header sets of good answers, each kind of 429, and the usage endpoint."""

import json
import time
from typing import Any

import pytest

from tests.fakes.steps import limited, overloaded, status, usage

OAT = "sk-ant-oat01-token"
P = "anthropic-ratelimit-unified-"


def test_oauth_answers_carry_the_unified_set(up: Any, call: Any) -> None:
    up.set_windows(OAT, five_hour=0.5, seven_day=0.25, five_hour_reset_in_s=60)
    answer = call.post(key=OAT)
    assert answer.header(P + "status") == "allowed"
    assert float(answer.header(P + "5h-utilization")) == pytest.approx(0.5, abs=0.01)
    assert float(answer.header(P + "7d-utilization")) == pytest.approx(0.25, abs=0.01)
    assert 0 < int(answer.header(P + "5h-reset")) - time.time() <= 61
    assert answer.header("anthropic-ratelimit-requests-limit") is None


def test_high_use_is_a_warning_and_no_limit(up: Any, call: Any) -> None:
    up.set_windows(OAT, five_hour=0.95)
    answer = call.post(key=OAT)
    assert (answer.status, answer.header(P + "5h-status")) == (200, "allowed_warning")


def test_key_answers_carry_the_documented_set(call: Any) -> None:
    answer = call.post()
    assert int(answer.header("anthropic-ratelimit-requests-remaining")) > 0
    assert answer.header("anthropic-ratelimit-input-tokens-reset").endswith("Z")
    assert answer.header(P + "status") is None


def test_repeated_headers_stay_apart(call: Any) -> None:
    names = [name.lower() for name, _ in call.post().headers]
    assert names.count("set-cookie") == 2
    assert names.count("server-timing") == 2


@pytest.mark.parametrize(
    ("window", "present", "absent"),
    [
        ("5h", {"5h-status": "rejected", "7d-status": "allowed", "representative-claim": "five_hour"}, ()),
        ("7d", {"7d-status": "rejected", "5h-status": "allowed", "representative-claim": "seven_day"}, ()),
        ("both", {"7d-status": "rejected", "5h-status": "rejected"}, ()),
        ("7d_oi", {"7d_oi-status": "rejected", "5h-status": "allowed", "7d-status": "allowed"}, ()),
        ("7d_opus", {"7d_opus-status": "rejected", "representative-claim": "seven_day_opus"}, ()),
        ("out_of_credits", {"overage-disabled-reason": "out_of_credits", "5h-status": "allowed"}, ()),
        ("unified-only", {"status": "rejected"}, ("5h-status",)),
        ("5h-only", {"5h-status": "rejected"}, ("status", "reset")),
        ("retry-after", {}, ("status", "5h-status")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rejection_carries_its_headers(up: Any, call: Any, window: str, present: Any, absent: Any) -> None:
    up.script(OAT, limited(window, reset_in_s=90))
    answer = call.post(key=OAT)
    assert answer.status == 429
    assert answer.header("retry-after") == "90"
    assert {name: answer.header(P + name) for name in present} == present
    assert all(answer.header(P + name) is None for name in absent)
    assert json.loads(answer.body)["error"]["type"] == "rate_limit_error"


def test_windowless_rejection_tells_nothing(up: Any, call: Any) -> None:
    up.script(OAT, limited("windowless"))
    answer = call.post(key=OAT)
    assert answer.header("retry-after") is None
    assert not [name for name, _ in answer.headers if name.startswith("anthropic-ratelimit")]
    assert json.loads(answer.body)["error"]["message"] == "Error"


def test_key_rejection_names_the_empty_limit(up: Any, call: Any) -> None:
    up.script("*", limited("input-tokens", reset_in_s=20))
    answer = call.post()
    assert answer.header("anthropic-ratelimit-input-tokens-remaining") == "0"
    assert answer.header("anthropic-ratelimit-requests-remaining") != "0"


def test_other_providers_reject_in_their_own_words(up: Any, call: Any) -> None:
    up.script("*", [limited("zai"), limited("openai"), limited("openai-quota")])
    assert json.loads(call.post().body)["error"]["type"] == "1308"
    answer = call.post(path="/v1/chat/completions", key="sk-openai-x")
    assert answer.header("x-ratelimit-reset-requests") == "60m0s"
    assert json.loads(call.post(path="/v1/chat/completions").body)["error"]["code"] == "insufficient_quota"


def test_status_steps_speak_the_shape_of_the_path(up: Any, call: Any) -> None:
    up.script("*", [overloaded(), status(500, "<html>oops</html>"), status(503), status(429, retry_after=7)])
    answer = call.post()
    assert (answer.status, json.loads(answer.body)["error"]["type"]) == (529, "overloaded_error")
    assert call.post().body == b"<html>oops</html>"
    assert json.loads(call.post(path="/v1/chat/completions").body)["error"]["type"] == "server_error"
    assert call.post().header("retry-after") == "7"


@pytest.mark.parametrize("shape", ["flat", "limits", "both", "nulls", "unknown"])
def test_usage_endpoint_answers_in_each_shape(up: Any, call: Any, shape: Any) -> None:
    up.script(OAT, usage(shape, five_hour=42.0), on="usage")
    body = json.loads(call.get("/api/oauth/usage", key=OAT).body)
    assert ("limits" in body) == (shape in ("limits", "both", "unknown"))
    if shape in ("flat", "both"):
        assert body["five_hour"]["utilization"] == 42.0
        assert body["seven_day_opus"] is None


def test_usage_endpoint_tells_what_the_headers_tell(up: Any, call: Any) -> None:
    up.set_windows(OAT, five_hour=0.5)
    assert json.loads(call.get("/api/oauth/usage", key=OAT).body)["five_hour"]["utilization"] == 50.0


def test_usage_polls_do_not_eat_the_script_of_messages(up: Any, call: Any) -> None:
    up.script(OAT, overloaded())
    assert call.get("/api/oauth/usage", key=OAT).status == 200
    assert call.post(key=OAT).status == 529
    assert up.left() == {}
