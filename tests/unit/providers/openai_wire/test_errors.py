import json

import pytest

from app.providers.openai_wire.errors import (
    anthropic_error,
    error_to_anthropic,
    error_to_openai,
    openai_error,
)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (418, "invalid_request_error"), (500, "api_error"), (529, "overloaded_error")],
)
def test_status_decides_the_type(status: int, kind: str) -> None:
    assert json.loads(error_to_anthropic(status, b'{"error":{"type":"odd"}}'))["error"]["type"] == kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"error": {"code": "insufficient_quota"}}, "rate_limit_error"),
        ({"error": {"code": 429, "message": "x"}}, "rate_limit_error"),
        ({"error": {"type": "server_error"}}, "api_error"),
        ({"error": {"type": "permission_error"}}, "permission_error"),
        ({"error": "text"}, "api_error"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}, "overloaded_error"),
    ],
)
def test_error_inside_a_stream_tells_its_type_itself(error: object, kind: str) -> None:
    made = anthropic_error(error)
    assert made["error"]["type"] == kind
    assert made["error"]["message"]


def test_overflow_is_told_in_the_words_of_each_side() -> None:
    told = error_to_anthropic(400, b'{"error":{"message":"Too many tokens.","code":"context_length_exceeded"}}')
    assert json.loads(told)["error"]["message"].startswith("prompt is too long: ")
    assert json.loads(error_to_openai(400, told))["error"]["code"] == "context_length_exceeded"


def test_long_body_that_is_no_json_is_shortened() -> None:
    assert len(error_to_anthropic(502, b"x" * 100_000)) < 3_000


def test_error_without_words_still_says_something() -> None:
    assert openai_error({})["error"]["message"]
    assert "status 503" in json.loads(error_to_anthropic(503, b""))["error"]["message"]
