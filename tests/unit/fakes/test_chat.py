"""Chat completions as the fake speaks them, read by hand and by the vendor's own SDK."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.fakes.steps import early_end, first_event_error, message, mid_stream_error

TALK: Any = [{"role": "user", "content": "Good day"}]
CALLS = [{"name": "weather", "input": {"city": "Bülach"}}, {"name": "clock", "input": {"zone": "Europe/Zurich"}}]


@pytest.fixture
def client(up: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="sk-openai-key", base_url=f"{up.url}/v1", max_retries=0) as made:
        yield made


def test_completion_has_text_and_usage(up: Any, client: openai.OpenAI) -> None:
    up.script("*", message(usage={"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}}))
    answer = client.chat.completions.create(model="gpt-5.2", messages=TALK)
    assert "Good day" in (answer.choices[0].message.content or "")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.prompt_tokens_details.cached_tokens) == (9, 4)


def test_parallel_calls_stream_their_arguments_interleaved(up: Any, client: openai.OpenAI) -> None:
    up.script("*", message(tools=CALLS))
    texts = {0: "", 1: ""}
    order, finish = [], None
    for chunk in client.chat.completions.create(model="gpt-5.2", messages=TALK, stream=True):
        for call in chunk.choices[0].delta.tool_calls or []:
            texts[call.index] += call.function.arguments
            order.append(call.index)
        finish = chunk.choices[0].finish_reason or finish
    assert [json.loads(text) for text in texts.values()] == [call["input"] for call in CALLS]
    assert order != sorted(order)
    assert finish == "tool_calls"


def test_usage_chunk_comes_only_when_asked(client: openai.OpenAI) -> None:
    for asked in (True, False):
        options: Any = {"stream_options": {"include_usage": True}} if asked else {}
        chunks = list(client.chat.completions.create(model="gpt-5.2", messages=TALK, stream=True, **options))
        assert (chunks[-1].usage is not None) == asked


def test_reasoning_refusal_and_comments_are_streamed(up: Any, call: Any) -> None:
    up.script("*", message(thinking="Let me see.", refusal="I would rather not.", comments=True))
    body = call.post(call.body(stream=True), path="/v1/chat/completions", key="sk-openai-key").body.decode()
    assert "reasoning_content" in body
    assert '"refusal":"I would' in body
    assert body.startswith(": keep-alive\n\n")
    assert body.endswith("data: [DONE]\n\n")
    assert "event:" not in body


@pytest.mark.parametrize("step", [first_event_error(), mid_stream_error(2)], ids=["first", "middle"])
def test_error_in_the_stream_has_the_shape_of_the_provider(up: Any, client: openai.OpenAI, step: Any) -> None:
    up.script("*", step)
    with pytest.raises(openai.APIError, match="error"):
        list(client.chat.completions.create(model="gpt-5.2", messages=TALK, stream=True))


def test_stream_may_end_early(up: Any, call: Any) -> None:
    up.script("*", early_end(2))
    assert b"[DONE]" not in call.post(call.body(stream=True), path="/v1/chat/completions").body


def test_models_have_the_shape_of_whoever_asks(call: Any, client: openai.OpenAI) -> None:
    assert client.models.list().data[0].owned_by == "openai"
    assert json.loads(call.get("/v1/models").body)["data"][0]["type"] == "model"


def test_missing_field_is_refused_in_the_shape_of_the_provider(call: Any) -> None:
    answer = call.post(b'{"model":"gpt"}', path="/v1/chat/completions")
    assert (answer.status, "error" in json.loads(answer.body)) == (400, True)


def test_tool_can_be_required(client: openai.OpenAI) -> None:
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    answer = client.chat.completions.create(model="m", messages=TALK, tools=[tool], tool_choice="required")
    assert answer.choices[0].message.tool_calls
