"""Mode `zai`: limits told in a body, in the time of UTC+8."""

import json

import pytest

from app.providers.limits import DAY_MS
from app.providers.verdicts import BURST_RAMP
from app.providers.zai import ZAI
from app.values import OAuthEndpoints, Secret, folded

NOW = 1_785_500_000_000  # 2026-07-31T12:13:20Z, 20:13:20 in UTC+8
ENDPOINTS = OAuthEndpoints(
    "id", "https://a/", "https://c/", "https://t/", "https://r/", "s", "https://k/", "https://u/"
)
RESET = "Usage limit reached for 5 hour. Your limit will reset at 2026-07-31 21:13:20"


def body(code: str, message: str, key: str = "type") -> bytes:
    return json.dumps({"type": "error", "error": {key: code, "message": message}}).encode()


@pytest.mark.parametrize(
    ("head", "headers", "until"),
    [
        pytest.param(body("1308", RESET), {}, NOW + 3_600_000, id="type"),
        pytest.param(body("1308", RESET, "code"), {"retry-after": "9"}, NOW + 3_600_000, id="code, with a wait"),
        pytest.param(body("1310", RESET.replace("07-31", "08-20")), {}, NOW + 8 * DAY_MS, id="too far"),
    ],
)
def test_quota_lasts_until_the_time_in_the_body(head: bytes, headers: dict[str, str], until: int) -> None:
    verdict = ZAI.verdict(429, headers, head, NOW, stream=False)
    assert (verdict.reason, verdict.action, verdict.until) == ("quota", "next", until)


def test_quota_is_seen_in_a_first_event() -> None:
    head = b"event: error\ndata: " + body("1308", RESET).replace(b'"1308"', b'"rate_limit_error"') + b"\n\n"
    assert ZAI.verdict(200, {}, head, NOW, stream=True).until == NOW + 3_600_000


@pytest.mark.parametrize(
    "message",
    ["Too much concurrency", RESET.replace("21:13", "20:00"), RESET.replace("2026-07-31", "2026-99-99"), ""],
)
def test_without_a_time_to_come_it_is_a_burst(message: str) -> None:
    verdict = ZAI.verdict(429, {}, body("1302", message), NOW, stream=False)
    assert (verdict.reason, verdict.until, verdict.ramp) == ("burst", None, BURST_RAMP)


def test_wait_counts_where_the_body_names_no_time() -> None:
    assert ZAI.verdict(429, {"retry-after": "9"}, body("1302", "x"), NOW, stream=False).until == NOW + 9000


@pytest.mark.parametrize(
    ("endpoint", "host"), [(None, "https://api.z.ai"), ("http://127.0.0.1:9/api/anthropic", "http://127.0.0.1:9")]
)
def test_quota_is_asked_for_at_the_accounts_own_host(endpoint: str | None, host: str) -> None:
    out = ZAI.usage_request(ENDPOINTS, Secret("api_key", "k"), endpoint)
    assert out is not None
    assert out.url == f"{host}/api/monitor/usage/quota/limit"
    assert folded(out.headers)["x-api-key"] == "k"


def test_quota_is_read() -> None:
    payload = b'{"data":{"limits":[{"type":"TOKENS_LIMIT","percentage":50}]}}'
    assert [(w.kind, w.utilization) for w in ZAI.read_usage(payload, NOW)] == [("5h", 0.5)]
