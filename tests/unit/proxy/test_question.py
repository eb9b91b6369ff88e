"""What an account is asked, in its own words."""

import json
import zlib
from typing import Any

import pytest

from app.errors import InvalidInput
from app.providers import PROVIDERS
from app.proxy.opened import Shown
from app.proxy.question import caller_shape, judged, question
from app.values import Candidate, Headers, ProxyRequest, folded
from tests.unit.proxy.answers import opened

CLIENT: Headers = (
    ("anthropic-beta", "x"),
    ("OpenAI-Project", "p"),
    ("X-Claude-Code-Session-Id", "s"),
    ("content-type", "application/json; charset=utf-8"),
    ("Accept-Encoding", "gzip"),
    ("user-agent", "tool/1"),
)
BODY: dict[str, Any] = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}], "input": "hi"}


def asked(path: str, body: bytes | None = None, method: str = "POST", headers: Headers = CLIENT) -> ProxyRequest:
    sent = json.dumps(BODY).encode() if body is None else body
    return ProxyRequest(1, 0, method, f"{path}?beta=true", path, headers, sent, "m")


def account(mode: str) -> Candidate:
    return Candidate(1, "a", mode)


@pytest.mark.parametrize(
    ("mode", "path", "target"),
    [
        ("console", "/v1/messages", None),
        ("console", "/v1/messages/count_tokens", None),
        ("console", "/v1/embeddings", None),
        ("openai-compatible", "/v1/chat/completions", None),
        ("openai-compatible", "/v1/responses", None),
        ("openai-compatible", "/v1/messages", "/v1/chat/completions"),
        ("console", "/v1/chat/completions", "/v1/messages"),
        ("zai", "/v1/responses", "/v1/messages"),
    ],
)
def test_only_the_other_shape_is_translated(mode: str, path: str, target: str | None) -> None:
    request = asked(path)
    made = question(PROVIDERS[mode], request, account(mode), "target")
    if target is None:
        assert made.exchange is None
        assert made.request is request
        return
    assert (made.request.target, made.request.path) == (target, target)
    assert json.loads(made.request.body)["model"] == made.request.model == "target"


def test_headers_that_mean_nothing_to_the_other_side_stay_here() -> None:
    up = question(PROVIDERS["openai-compatible"], asked("/v1/messages"), account("openai-compatible"), "m").request
    assert folded(up.headers) == {"openai-project": "p", "user-agent": "tool/1", "content-type": "application/json"}
    up = question(PROVIDERS["console"], asked("/v1/responses"), account("console"), "m").request
    assert folded(up.headers) == {
        "anthropic-beta": "x",
        "x-claude-code-session-id": "s",
        "user-agent": "tool/1",
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
    }


def test_version_of_the_client_stands() -> None:
    request = asked("/v1/responses", headers=(("Anthropic-Version", "2099-01-01"),))
    up = question(PROVIDERS["console"], request, account("console"), "m").request
    assert folded(up.headers)["anthropic-version"] == "2099-01-01"


@pytest.mark.parametrize(
    ("method", "path", "headers", "mode", "target"),
    [
        ("GET", "/v1/models", (), "console", "/v1/models?limit=1000"),
        ("GET", "/v1/models/x", (), "console", "/v1/models/x"),
        ("GET", "/v1/models", (("anthropic-version", "1"),), "console", None),
        ("GET", "/v1/models", (("anthropic-version", "1"),), "openai-compatible", "/v1/models"),
        ("GET", "/v1/models", (), "openai-compatible", None),
        ("HEAD", "/v1/models", (), "console", None),
        ("GET", "/v1/chat/completions", (), "console", None),
    ],
)
def test_listing_is_translated_for_the_caller(
    method: str, path: str, headers: Headers, mode: str, target: str | None
) -> None:
    made = question(PROVIDERS[mode], asked(path, b"", method, headers), account(mode), None)
    assert (made.request.target if made.exchange else None) == target
    if target:
        assert "content-type" not in folded(made.request.headers)


@pytest.mark.parametrize(
    ("path", "headers", "shape"),
    [
        ("/v1/messages", (), "anthropic"),
        ("/v1/files", (), "anthropic"),
        ("/v1/embeddings", (), "openai"),
        ("/v1/models", (("x-api-key", "k"),), "anthropic"),
        ("/v1/models/x", (("Authorization", "Bearer k"),), "openai"),
        ("/v1/modelsomething", (), "anthropic"),
    ],
)
def test_caller_is_known_by_path_and_headers(path: str, headers: Headers, shape: str) -> None:
    assert caller_shape(asked(path, headers=headers)) == shape


def test_compressed_body_is_undone() -> None:
    packed = zlib.compress(json.dumps(BODY).encode())
    request = asked("/v1/messages", packed, headers=(("Content-Encoding", "deflate"),))
    up = question(PROVIDERS["openai-compatible"], request, account("openai-compatible"), "m").request
    assert json.loads(up.body)["messages"] == BODY["messages"]


@pytest.mark.parametrize("coding", ["gzip", "made-up"])
def test_body_that_cannot_be_undone_is_refused(coding: str) -> None:
    request = asked("/v1/messages", b"plain", headers=(("content-encoding", coding),))
    with pytest.raises(InvalidInput, match="content-encoding"):
        question(PROVIDERS["openai-compatible"], request, account("openai-compatible"), "m")


def test_body_without_a_model_is_refused() -> None:
    with pytest.raises(InvalidInput, match="model"):
        question(PROVIDERS["console"], asked("/v1/responses"), account("console"), None)


MISSING = b'{"error":{"message":"The model `m` does not exist","code":"model_not_found"}}'


@pytest.mark.parametrize(
    ("path", "has_more", "head", "action"),
    [
        ("/v1/messages", False, MISSING, "next"),
        ("/v1/chat/completions", True, MISSING, "next"),
        ("/v1/chat/completions", False, MISSING, "serve"),
        ("/v1/messages", True, b'{"error":{"message":"no such route"}}', "serve"),
    ],
)
def test_missing_model_is_looked_for_elsewhere(path: str, has_more: bool, head: bytes, action: str) -> None:
    provider = PROVIDERS["openai-compatible"]
    made = question(provider, asked(path), account("openai-compatible"), "m", has_more=has_more)
    verdict = judged(provider, made, opened(head, status=404))
    assert (verdict.reason, verdict.action, verdict.until, verdict.ramp) == ("client", action, None, None)


def test_status_that_is_shown_is_the_one_that_counts() -> None:
    provider = PROVIDERS["openai-compatible"]
    served = opened(b'{"error":{"message":"slow"}}')
    served.shown = Shown(429, "application/json", ())
    made = question(provider, asked("/v1/messages"), account("openai-compatible"), "m")
    assert judged(provider, made, served).reason == "burst"
