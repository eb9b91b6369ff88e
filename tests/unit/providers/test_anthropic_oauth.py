"""Mode `max`: a subscription."""

from app.providers.anthropic_oauth import MAX
from app.values import OAuthEndpoints, Secret, folded
from app.version import USER_AGENT

ENDPOINTS = OAuthEndpoints(
    "id", "https://a/", "https://c/", "https://t/", "https://r/", "s", "https://k/", "https://u/x"
)


def test_subscription_is_reached_by_log_in_and_holds_windows() -> None:
    assert (MAX.oauth, MAX.secret_kind, MAX.holds_window, MAX.needs_endpoint) == (True, "oauth", True, False)


def test_windows_are_asked_for_at_the_operators_address_under_our_own_name() -> None:
    out = MAX.usage_request(ENDPOINTS, Secret("oauth", "at"), "https://ignored.test")
    assert out is not None
    assert (out.method, out.url, out.body) == ("GET", "https://u/x", b"")
    headers = folded(out.headers)
    assert headers["authorization"] == "Bearer at"
    assert headers["anthropic-beta"] == "oauth-2025-04-20"
    assert headers["user-agent"] == USER_AGENT


def test_answer_holds_windows_and_whether_more_is_allowed() -> None:
    body = b'{"five_hour":{"utilization":50,"resets_at":null},"extra_usage":{"is_enabled":true}}'
    (window,) = MAX.read_usage(body, 5)
    assert (window.kind, window.utilization, window.source) == ("5h", 0.5, "poll")
    assert MAX.read_overage(body) is True
