"""Mode `zai`: z.ai's coding plan, Anthropic-shaped, with limits of its own."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import ClassVar
from urllib.parse import urlsplit

from app.providers import polled, verdicts
from app.providers.base import Provider
from app.providers.limits import SECOND_MS
from app.providers.verdicts import QUOTA_CAP_MS, Row, Seen
from app.values import OAuthEndpoints, Outbound, Secret, Window
from app.version import USER_AGENT

_ZONE = timezone(timedelta(hours=8))
_RESET = re.compile(r"reset at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")


def _reset_at(seen: Seen) -> int | None:
    """Return the time that the message of a limit names; z.ai writes it in UTC+8."""
    match = _RESET.search(seen.error.message) if seen.status == 429 else None
    if match is None:
        return None
    try:
        at = int(datetime.fromisoformat(match[1]).replace(tzinfo=_ZONE).timestamp() * SECOND_MS)
    except ValueError:
        return None
    return min(at, seen.now_ms + QUOTA_CAP_MS) if at > seen.now_ms else None


@dataclass(frozen=True)
class Zai(Provider):
    """A z.ai plan: a key, a 5 h quota told in the body of a 429 and by a quota endpoint."""

    name: str = "zai"
    label: str = "z.ai coding plan"
    base_url: str = "https://api.z.ai/api/anthropic"
    holds_window: bool = True

    rows: ClassVar[tuple[Row, ...]] = (
        Row("z.ai's quota is spent", lambda seen: _reset_at(seen) is not None, "quota", "next", _reset_at),
        *verdicts.TABLE,
    )

    def usage_request(self, endpoints: OAuthEndpoints, secret: Secret, endpoint: str | None = None) -> Outbound | None:
        """Return the request that asks how full the quota is, at the host that the account uses."""
        host = urlsplit(endpoint or self.base_url)
        headers = (
            ("x-api-key", secret.value),
            ("accept", "application/json"),
            ("accept-encoding", "identity"),
            ("user-agent", USER_AGENT),
        )
        return Outbound("GET", f"{host.scheme}://{host.netloc}/api/monitor/usage/quota/limit", headers)

    def read_usage(self, body: bytes, now_ms: int) -> tuple[Window, ...]:
        """Return the quota windows in the answer."""
        return polled.zai_windows(body, now_ms)


ZAI = Zai()
