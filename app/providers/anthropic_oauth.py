"""Mode `max`: an Anthropic subscription, reached with the OAuth tokens of a log-in."""

from dataclasses import dataclass
from typing import Literal

from app.providers import polled
from app.providers.base import Provider
from app.providers.oauth import OAUTH_BETA
from app.values import OAuthEndpoints, Outbound, Secret, Window
from app.version import USER_AGENT


@dataclass(frozen=True)
class AnthropicOAuth(Provider):
    """A subscription: Bearer tokens, 5 h and 7 d windows, a usage endpoint."""

    name: str = "max"
    label: str = "Claude subscription (Pro, Max, Team)"
    base_url: str = "https://api.anthropic.com"
    secret_kind: Literal["api_key", "oauth"] = "oauth"
    oauth: bool = True
    holds_window: bool = True

    def usage_request(self, endpoints: OAuthEndpoints, secret: Secret, endpoint: str | None = None) -> Outbound | None:
        """Return the request that asks how full the windows are."""
        headers = (
            ("authorization", f"Bearer {secret.value}"),
            ("anthropic-beta", OAUTH_BETA),
            ("accept", "application/json"),
            ("accept-encoding", "identity"),
            ("user-agent", USER_AGENT),
        )
        return Outbound("GET", endpoints.usage_url, headers)

    def read_usage(self, body: bytes, now_ms: int) -> tuple[Window, ...]:
        """Return the windows in the answer."""
        return polled.anthropic_windows(body, now_ms)

    def read_overage(self, body: bytes) -> bool | None:
        """Return whether extra usage is switched on."""
        return polled.anthropic_overage(body)


MAX = AnthropicOAuth()
