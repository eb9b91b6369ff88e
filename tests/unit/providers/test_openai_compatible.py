"""Mode `openai-compatible`: an OpenAI-shaped upstream."""

import json

import pytest

from app.providers.openai_compatible import OPENAI_COMPATIBLE
from app.providers.verdicts import QUOTA_RAMP
from app.values import Candidate, ProxyRequest, Secret, folded

BODY = b'{"model": "gpt-5",  "messages":[]}'
ACCOUNT = Candidate(1, "a", "openai-compatible")


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        (None, "https://api.openai.com/v1/chat/completions"),
        ("http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1/chat/completions"),
        ("https://openrouter.ai/api/v1/", "https://openrouter.ai/api/v1/chat/completions"),
    ],
)
def test_openai_shaped_request_goes_up_byte_true_with_a_bearer_key(endpoint: str | None, url: str) -> None:
    asked = ProxyRequest(
        1, 0, "POST", "/v1/chat/completions", "/v1/chat/completions", (("x-api-key", "ccf_x"),), BODY, "gpt-5"
    )
    candidate = Candidate(1, "a", "openai-compatible", endpoint=endpoint)
    out = OPENAI_COMPATIBLE.outbound(asked, candidate, Secret("api_key", "k"))
    assert (out.url, out.body) == (url, BODY)
    assert folded(out.headers) == {"accept-encoding": "identity", "authorization": "Bearer k"}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/v1/models/gpt-5", "/v1/embeddings"])
def test_paths_of_openai_are_served(path: str) -> None:
    assert OPENAI_COMPATIBLE.serves(path, "gpt-5", ACCOUNT)


@pytest.mark.parametrize(("path", "answers"), [("/v1/messages", True), ("/v1/messages/count_tokens", False)])
def test_messages_are_served_by_translation_and_tokens_are_not_counted(path: str, answers: bool) -> None:
    assert OPENAI_COMPATIBLE.serves(path, "gpt-5", ACCOUNT)
    assert OPENAI_COMPATIBLE.answers(path) is answers


@pytest.mark.parametrize("path", ["/v1/messages/batches", "/v1/files", "/v1/complete"])
def test_paths_that_only_anthropic_has_are_not_served(path: str) -> None:
    assert not OPENAI_COMPATIBLE.serves(path, "gpt-5", ACCOUNT)


def test_model_that_is_mapped_to_nothing_is_not_served() -> None:
    candidate = Candidate(1, "a", "openai-compatible", model_mappings={"gpt-5": ()})
    assert not OPENAI_COMPATIBLE.serves("/v1/chat/completions", "gpt-5", candidate)


@pytest.mark.parametrize(
    "head",
    [
        b'{"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"You exceeded your quota"}}',
        b'{"error":{"type":"billing","code":"insufficient_quota"}}',
    ],
)
def test_spent_credit_is_no_burst(head: bytes) -> None:
    verdict = OPENAI_COMPATIBLE.verdict(429, {"retry-after": "1"}, head, 0, stream=False)
    assert (verdict.reason, verdict.action, verdict.ramp) == ("quota", "next", QUOTA_RAMP)


def test_error_in_the_first_chunk_is_treated_like_its_status() -> None:
    head = b'data: {"error":{"message":"slow down","code":"rate_limit_exceeded"}}\n\n'
    assert OPENAI_COMPATIBLE.verdict(200, {}, head, 0, stream=True).reason == "burst"


@pytest.mark.parametrize(
    ("message", "headers", "seen"),
    [
        (
            "Rate limit reached for gpt-5 in organization org-1 on tokens per min.",
            {"retry-after": "7"},
            ("model", 7_000),
        ),
        ("Rate limit reached for gpt-5 in organization org-1 on requests.", {}, ("model", 30_000)),
        ("Rate limit reached for requests in organization org-1.", {"retry-after": "7"}, ("account", 7_000)),
        ("Too many requests", {"retry-after": "7"}, ("account", 7_000)),
    ],
)
def test_limit_that_names_a_model_binds_that_model(
    message: str, headers: dict[str, str], seen: tuple[str, int]
) -> None:
    head = json.dumps({"error": {"message": message, "code": "rate_limit_exceeded"}}).encode()
    verdict = OPENAI_COMPATIBLE.verdict(429, headers, head, 0, stream=False)
    assert (verdict.scope, verdict.until, verdict.action) == (*seen, "next")
