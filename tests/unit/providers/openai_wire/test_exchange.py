import json

import pytest

from app.errors import InvalidInput
from app.providers.openai_wire.exchange import Shape, client_shape, exchange

BODY = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"input":"hi","stream":true}'


@pytest.mark.parametrize(
    ("path", "account", "target"),
    [
        ("/v1/messages", "openai", "/v1/chat/completions"),
        ("/v1/chat/completions", "anthropic", "/v1/messages"),
        ("/v1/responses", "anthropic", "/v1/messages"),
        ("/v1/messages", "anthropic", None),
        ("/v1/chat/completions", "openai", None),
        ("/v1/responses", "openai", None),
        ("/v1/messages/count_tokens", "openai", None),
    ],
)
def test_only_unlike_shapes_are_translated(path: str, account: Shape, target: str | None) -> None:
    made = exchange(path, BODY, "target", account)
    assert (made.path if made else None) == target
    if made:
        assert made.is_stream
        assert json.loads(made.body)["model"] == "target"


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/messages", "anthropic"),
        ("/v1/models", "anthropic"),
        ("/v1/chat/completions", "openai"),
        ("/v1/responses", "openai"),
    ],
)
def test_path_tells_the_shape_of_the_client(path: str, shape: str) -> None:
    assert client_shape(path) == shape


def test_long_tool_name_comes_back_as_the_client_knows_it() -> None:
    name = "mcp__" + "server" * 10 + "__tool"
    asked = json.loads(BODY) | {"tools": [{"name": name, "input_schema": {"type": "object"}}]}
    made = exchange("/v1/messages", json.dumps(asked).encode(), "m", "openai")
    assert made is not None
    sent = json.loads(made.body)["tools"][0]["function"]["name"]
    assert len(sent) == 64
    call = {"id": "c", "type": "function", "function": {"name": sent, "arguments": "{}"}}
    answer = {"id": "x", "choices": [{"message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    assert json.loads(made.answer(json.dumps(answer).encode(), 0).body)["content"][0]["name"] == name


def test_served_body_that_is_an_error_is_noticed() -> None:
    made = exchange("/v1/messages", BODY, "m", "openai")
    assert made is not None
    assert made.mistaken(b'{"error":{"message":"no"}}')
    assert not made.mistaken(b'{"choices":[{"message":{}}],"error":null}')


def test_refusal_names_the_field() -> None:
    with pytest.raises(InvalidInput, match="n: only one choice"):
        exchange("/v1/chat/completions", b'{"n":2}', "m", "anthropic")
