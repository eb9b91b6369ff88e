"""Errors of upstreams, as a body or as the first event of a stream."""

import pytest

from app.providers.upstream_error import UpstreamError, first_event_error, is_missing_model, read_error, redacted


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param(
            b'{"type":"error","error":{"type":"rate_limit_error","message":"Error"},"request_id":"r"}',
            UpstreamError("rate_limit_error", "", "Error"),
            id="Anthropic's body",
        ),
        pytest.param(
            b' {"error":{"message":"m","type":"tokens","param":null,"code":"rate_limit_exceeded"}}',
            UpstreamError("tokens", "rate_limit_exceeded", "m"),
            id="OpenAI's body",
        ),
        pytest.param(b'{"error":{"code":429,"message":"m"}}', UpstreamError("", "429", "m"), id="a number as code"),
        pytest.param(b'{"error":"bad gateway"}', UpstreamError("bad gateway", "", "bad gateway"), id="only words"),
        pytest.param(b'{"type":"error","message":"m"}', UpstreamError("", "", "m"), id="no error object"),
        pytest.param(b'{"type":"message","error":null}', None, id="error is null"),
        pytest.param(b'{"type":"message"}', None, id="no error"),
        pytest.param(b"<html>502</html>", None, id="HTML"),
        pytest.param(b'{"error":{"type":"x","mess', None, id="cut"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"\xff\xfe", None, id="no text"),
        pytest.param(
            b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
            UpstreamError("overloaded_error", "", "Overloaded"),
            id="an event",
        ),
    ],
)
def test_error_is_read_from_a_head(head: bytes, expected: UpstreamError | None) -> None:
    assert read_error(head) == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param(b'data: {"error":{"code":"x"}}\n\n', UpstreamError("", "x", ""), id="data only"),
        pytest.param(b'event: error\r\ndata: {"error":{"type":"t"}}\r\n\r\n', UpstreamError("t"), id="CR LF"),
        pytest.param(
            b": hi\n\nevent: ping\ndata: {}\n\nevent: error\ndata: {}\n\n", UpstreamError(), id="after a ping"
        ),
        pytest.param(b"event: error\ndata: no json", UpstreamError(), id="no JSON, not ended"),
        pytest.param(b'event: message_start\ndata: {"type":"message_start"}\n\n', None, id="a start"),
        pytest.param(
            b'event: message_start\ndata: {}\n\nevent: error\ndata: {"error":{"type":"t"}}\n\n',
            None,
            id="later is no first",
        ),
        pytest.param(b'data: {"choices":[],"error":null}\n\n', None, id="a chunk of OpenAI"),
        pytest.param(b"data: [DONE]\n\n", None, id="done"),
        pytest.param(b'{"error":{"type":"t"}}', None, id="a body is no event"),
        pytest.param(b"", None, id="empty"),
    ],
)
def test_error_is_read_from_a_first_event(head: bytes, expected: UpstreamError | None) -> None:
    assert first_event_error(head) == expected


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UpstreamError("overloaded_error"), 529),
        (UpstreamError("rate_limit_error"), 429),
        (UpstreamError("api_error"), 500),
        (UpstreamError("authentication_error"), 401),
        (UpstreamError("invalid_request_error"), 400),
        (UpstreamError("", "insufficient_quota"), 429),
        (UpstreamError("x", "400"), 400),
        (UpstreamError("x", "599"), 599),
        (UpstreamError("x", "600"), 500),
        (UpstreamError("x", "9999999"), 500),
        (UpstreamError("x", "²"), 500),
        (UpstreamError("never heard of"), 500),
        (UpstreamError(), 500),
    ],
)
def test_error_has_the_status_it_would_have_had(error: UpstreamError, status: int) -> None:
    assert error.status == status


@pytest.mark.parametrize(
    "secret",
    ["sk-ant-api03-AbC_dEf-123456", "ccf_12345678_abcdef", "Bearer abc.def", "eyJhbGciOi.eyJzdWIi"],
)
def test_credential_in_an_upstreams_words_is_hidden(secret: str) -> None:
    said = redacted(f"Incorrect key:\n {secret} was given")
    assert secret.split()[-1] not in said
    assert said.startswith("Incorrect key: ")
    assert said.endswith("*** was given")


def test_an_upstreams_words_are_cut() -> None:
    assert len(redacted("word " * 1000)) == 200


@pytest.mark.parametrize(
    ("status", "head", "missing"),
    [
        pytest.param(404, b'{"error":{"message":"?","code":"model_not_found"}}', True, id="OpenAI"),
        pytest.param(404, b'{"error":{"type":"not_found_error","message":"model: x"}}', True, id="Claude"),
        pytest.param(404, b'{"error":{"message":"model \'x\' not found, try pulling it first"}}', True, id="Ollama"),
        pytest.param(404, b'{"error":{"message":"No endpoints found for x.","code":404}}', True, id="OpenRouter"),
        pytest.param(400, b'{"error":{"message":"x is not a valid model ID","code":400}}', True, id="OpenRouter, odd"),
        pytest.param(400, b'{"error":{"message":"The model `x` does not exist."}}', True, id="vLLM"),
        pytest.param(400, b'{"error":{"message":"messages: at least one is required"}}', False, id="other fault"),
        pytest.param(404, b'{"error":{"message":"Not found"}}', False, id="no such path"),
        pytest.param(500, b'{"error":{"message":"?","code":"model_not_found"}}', False, id="other status"),
        pytest.param(404, b"<html>", False, id="no JSON"),
    ],
)
def test_missing_model_is_known_in_the_words_of_each_server(status: int, head: bytes, missing: bool) -> None:
    assert is_missing_model(status, head) is missing
