"""Anthropic's OAuth wire: the requests of a log-in and of a refresh, and how their answers are read."""

import json
from collections.abc import Mapping
from urllib.parse import urlencode

from app.errors import UpstreamFailed
from app.providers.limits import SECOND_MS, number
from app.providers.upstream_error import redacted
from app.values import Headers, OAuthEndpoints, Outbound, TokenPair
from app.version import USER_AGENT

OAUTH_BETA = "oauth-2025-04-20"
"""Anthropic documents it as required with an OAuth token."""

_JSON_HEADERS: Headers = (
    ("content-type", "application/json"),
    ("accept", "application/json"),
    ("accept-encoding", "identity"),
    ("user-agent", USER_AGENT),
)


class OAuthWire:
    """The OAuth verbs of a provider; only those with `oauth` are asked."""

    def authorize_url(self, endpoints: OAuthEndpoints, *, console: bool, challenge: str, state: str) -> str:
        """Return the page at which a person grants access. `challenge`: PKCE S256 of the verifier."""
        page = endpoints.console_authorize_url if console else endpoints.authorize_url
        query = urlencode(
            {
                "code": "true",
                "client_id": endpoints.client_id,
                "response_type": "code",
                "redirect_uri": endpoints.redirect_uri,
                "scope": endpoints.scopes,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
                "state": state,
            }
        )
        return f"{page}{'&' if '?' in page else '?'}{query}"

    def exchange_request(self, endpoints: OAuthEndpoints, code: str, state: str, verifier: str) -> Outbound:
        """Return the request that turns a pasted code into tokens."""
        return _token_request(
            endpoints,
            {
                "grant_type": "authorization_code",
                "code": code,
                "state": state,
                "client_id": endpoints.client_id,
                "redirect_uri": endpoints.redirect_uri,
                "code_verifier": verifier,
            },
        )

    def refresh_request(self, endpoints: OAuthEndpoints, refresh_token: str) -> Outbound:
        """Return the request that trades a refresh token for a new pair. The old one may be dead once it was read."""
        return _token_request(
            endpoints,
            {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": endpoints.client_id},
        )

    def read_tokens(self, body: bytes, now_ms: int) -> TokenPair:
        """Return what the token server handed out. No refresh token in it means: keep the old one.

        Raises UpstreamFailed when there is no access token in it.
        """
        answer = json_object(body)
        access_token = _text(answer, "access_token")
        if access_token is None:
            raise UpstreamFailed("The token server's answer holds no access token.", phase="token", sent=True)
        seconds = number(answer.get("expires_in"))
        account, organization = _inner(answer, "account"), _inner(answer, "organization")
        return TokenPair(
            access_token=access_token,
            refresh_token=_text(answer, "refresh_token"),
            expires_at=None if seconds is None else now_ms + int(seconds * SECOND_MS),
            scope=_text(answer, "scope"),
            account_uuid=_text(account, "uuid"),
            organization=_text(organization, "name") or _text(organization, "uuid"),
        )

    def read_token_error(self, status: int, body: bytes) -> tuple[str, str]:
        """Return (code, message) of a token server's refusal; the code is `http_<status>` when it names none."""
        answer = json_object(body)
        error = _inner(answer, "error")
        code = _text(answer, "error") or _text(error, "type") or f"http_{status}"
        message = _text(answer, "error_description") or _text(error, "message") or _text(answer, "message")
        return code, redacted(message or f"The token server answered {status}.")

    def create_api_key_request(self, endpoints: OAuthEndpoints, access_token: str) -> Outbound:
        """Return the request that makes an API key for a console account which just logged in."""
        headers: Headers = (
            ("authorization", f"Bearer {access_token}"),
            ("anthropic-beta", OAUTH_BETA),
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "application/json, text/plain, */*"),
            ("accept-encoding", "identity"),
            ("user-agent", USER_AGENT),
        )
        return Outbound("POST", endpoints.create_api_key_url, headers)

    def read_api_key(self, body: bytes) -> str:
        """Return the key that was made. Raises UpstreamFailed when the answer holds none."""
        key = _text(json_object(body), "raw_key")
        if key is None:
            raise UpstreamFailed("The answer holds no API key.", phase="create_api_key", sent=True)
        return key


def json_object(body: bytes) -> Mapping[str, object]:
    """Return a JSON object from outside; an empty one when the body is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _token_request(endpoints: OAuthEndpoints, fields: Mapping[str, str]) -> Outbound:
    return Outbound("POST", endpoints.token_url, _JSON_HEADERS, json.dumps(fields).encode())


def _inner(answer: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = answer.get(name)
    return value if isinstance(value, dict) else {}


def _text(answer: Mapping[str, object], name: str) -> str | None:
    value = answer.get(name)
    return value if isinstance(value, str) and value else None
