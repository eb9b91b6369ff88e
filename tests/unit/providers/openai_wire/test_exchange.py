import json

import pytest

from app.errors import InvalidInput
from app.providers.openai_wire.exchange import Shape, client_shape, exchange, listing

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


@pytest.mark.parametrize(
    ("path", "client", "account", "target"),
    [
        ("/v1/models", "openai", "anthropic", "/v1/models?limit=1000"),
        ("/v1/models/a", "openai", "anthropic", "/v1/models/a"),
        ("/v1/models", "anthropic", "openai", "/v1/models"),
        ("/v1/models", "openai", "openai", None),
        ("/v1/models", "anthropic", "anthropic", None),
        ("/v1/modelsx", "openai", "anthropic", None),
    ],
)
def test_lists_of_models_are_translated_for_the_other_shape(
    path: str, client: Shape, account: Shape, target: str | None
) -> None:
    made = listing(path, client, account)
    assert (made.path if made else None) == target


def test_models_that_came_are_told_in_the_shape_of_the_caller() -> None:
    many, one = listing("/v1/models", "openai", "anthropic"), listing("/v1/models/a", "openai", "anthropic")
    assert many is not None
    assert one is not None
    assert json.loads(many.answer(b'{"data":[{"id":"a"}]}', 0).body)["data"][0]["object"] == "model"
    assert json.loads(one.answer(b'{"id":"a"}', 0).body)["object"] == "model"
    assert "error" in json.loads(many.error(404, b"{}"))


@pytest.mark.parametrize(
    ("headers", "shape"),
    [({"anthropic-version": "1"}, "anthropic"), ({"x-api-key": "k"}, "anthropic"), ({"authorization": "k"}, "openai")],
)
def test_headers_tell_the_shape_of_who_lists_models(headers: dict[str, str], shape: str) -> None:
    assert client_shape("/v1/models", headers) == shape


def test_whole_answer_makes_the_stream_that_was_asked_for() -> None:
    made = exchange("/v1/messages", BODY, "m", "openai")
    assert made is not None
    assert made.as_stream is not None
    assert made.stream is not None
    call = {"type": "function", "function": {"name": "t", "arguments": '{"a":1}'}}
    said = {"content": "Hi", "tool_calls": [{"id": "c1", **call}, {"id": "c2", **call}]}
    whole = json.dumps({"id": "x", "choices": [{"message": said, "finish_reason": "tool_calls"}]}).encode()
    translator = made.stream(0)
    told = translator.feed(made.as_stream(whole)) + translator.finish()
    assert translator.is_complete
    assert told.count(b"event: content_block_start") == told.count(b"event: content_block_stop") == 3
    assert told.count(rb'"partial_json":"{\"a\":1}"') == 2
