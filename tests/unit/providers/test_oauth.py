"""The OAuth wire: requests to the byte, answers read tolerantly."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from app.errors import UpstreamFailed
from app.providers import PROVIDERS
from app.providers.oauth import json_object
from app.values import OAuthEndpoints, TokenPair, folded
from app.version import USER_AGENT

NOW = 1_785_500_000_000
MAX = PROVIDERS["max"]
ENDPOINTS = OAuthEndpoints(
    client_id="9d1c",
    authorize_url="https://claude.test/oauth/authorize",
    console_authorize_url="https://platform.test/oauth/authorize?a=b",
    token_url="https://platform.test/v1/oauth/token",
    redirect_uri="https://platform.test/oauth/code/callback",
    scopes="org:create_api_key user:profile",
    create_api_key_url="https://api.test/api/oauth/claude_cli/create_api_key",
    usage_url="https://api.test/api/oauth/usage",
)


@pytest.mark.parametrize(
    ("console", "host", "extra"), [(False, "claude.test", {}), (True, "platform.test", {"a": ["b"]})]
)
def test_page_at_which_access_is_granted(console: bool, host: str, extra: dict[str, list[str]]) -> None:
    url = urlsplit(MAX.authorize_url(ENDPOINTS, console=console, challenge="c-h", state="s t"))
    assert (url.scheme, url.netloc, url.path) == ("https", host, "/oauth/authorize")
    assert parse_qs(url.query, strict_parsing=True) == {
        **extra,
        "code": ["true"],
        "client_id": ["9d1c"],
        "response_type": ["code"],
        "redirect_uri": ["https://platform.test/oauth/code/callback"],
        "scope": ["org:create_api_key user:profile"],
        "code_challenge": ["c-h"],
        "code_challenge_method": ["S256"],
        "state": ["s t"],
    }


def test_code_is_exchanged() -> None:
    out = MAX.exchange_request(ENDPOINTS, "code", "state", "verifier")
    assert (out.method, out.url) == ("POST", ENDPOINTS.token_url)
    assert json.loads(out.body) == {
        "grant_type": "authorization_code",
        "code": "code",
        "state": "state",
        "client_id": "9d1c",
        "redirect_uri": ENDPOINTS.redirect_uri,
        "code_verifier": "verifier",
    }
    assert folded(out.headers)["content-type"] == "application/json"


def test_token_is_refreshed() -> None:
    out = MAX.refresh_request(ENDPOINTS, "rt")
    assert (out.method, out.url) == ("POST", ENDPOINTS.token_url)
    assert json.loads(out.body) == {"grant_type": "refresh_token", "refresh_token": "rt", "client_id": "9d1c"}


def test_we_call_ourselves_by_our_own_name() -> None:
    requests = (
        MAX.exchange_request(ENDPOINTS, "c", "s", "v"),
        MAX.refresh_request(ENDPOINTS, "r"),
        MAX.create_api_key_request(ENDPOINTS, "a"),
    )
    assert {folded(out.headers)["user-agent"] for out in requests} == {USER_AGENT}


def test_tokens_are_read() -> None:
    body = {
        "access_token": "at",
        "refresh_token": "rt",
        "expires_in": 28800,
        "scope": "user:inference",
        "account": {"uuid": "u-1", "email_address": "a@b.test"},
        "organization": {"uuid": "o-1", "name": "Org"},
    }
    assert MAX.read_tokens(json.dumps(body).encode(), NOW) == TokenPair(
        "at", "rt", NOW + 28_800_000, "user:inference", "u-1", "Org"
    )


@pytest.mark.parametrize(
    ("more", "expires_at"),
    [
        pytest.param({}, None, id="no word"),
        pytest.param({"expires_in": "3600"}, NOW + 3_600_000, id="a string"),
        pytest.param({"expires_in": None, "refresh_token": None, "account": [], "organization": "o"}, None, id="nulls"),
        pytest.param({"expires_in": "soon", "refresh_token": ""}, None, id="nonsense"),
    ],
)
def test_tokens_without_a_refresh_token_mean_keep_the_old_one(more: dict[str, object], expires_at: int | None) -> None:
    body = json.dumps({"access_token": "at", **more}).encode()
    assert MAX.read_tokens(body, NOW) == TokenPair("at", None, expires_at)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"access_token":1}', b'{"access_token":""}', b"<html>", b"\xff"])
def test_answer_without_an_access_token_is_a_failure(body: bytes) -> None:
    with pytest.raises(UpstreamFailed, match="access token"):
        MAX.read_tokens(body, NOW)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        pytest.param(
            400,
            b'{"error":"invalid_grant","error_description":"Refresh token not found or invalid"}',
            ("invalid_grant", "Refresh token not found or invalid"),
            id="RFC 6749",
        ),
        pytest.param(
            429,
            b'{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}',
            ("rate_limit_error", "slow"),
            id="Anthropic's shape",
        ),
        pytest.param(
            502,
            b"<html>invalid_grant</html>",
            ("http_502", "The token server answered 502."),
            id="a page that names it",
        ),
        pytest.param(400, b'{"message":"invalid_grant"}', ("http_400", "invalid_grant"), id="only in words"),
        pytest.param(400, b'{"error":null}', ("http_400", "The token server answered 400."), id="null"),
    ],
)
def test_refusal_is_told_by_its_code(status: int, body: bytes, expected: tuple[str, str]) -> None:
    assert MAX.read_token_error(status, body) == expected


def test_key_is_made_for_a_console_account() -> None:
    out = MAX.create_api_key_request(ENDPOINTS, "at")
    assert (out.method, out.url, out.body) == ("POST", ENDPOINTS.create_api_key_url, b"")
    assert folded(out.headers)["authorization"] == "Bearer at"
    assert MAX.read_api_key(b'{"raw_key":"sk-ant-api03-x"}') == "sk-ant-api03-x"


@pytest.mark.parametrize("body", [b"", b'{"raw_key":null}', b'"sk"'])
def test_answer_without_a_key_is_a_failure(body: bytes) -> None:
    with pytest.raises(UpstreamFailed, match="no API key"):
        MAX.read_api_key(body)


@pytest.mark.parametrize("body", [b"", b"[1]", b"null", b"[" * 100_000, b"\x80"])
def test_what_is_no_object_reads_as_an_empty_one(body: bytes) -> None:
    assert json_object(body) == {}
