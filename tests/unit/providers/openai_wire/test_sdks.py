"""The vendors' own SDKs read what the translators write: types, helpers, accumulation and errors."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from app.providers.openai_wire.exchange import exchange
from tests.unit.providers.openai_wire.cases import Case, body, cases, golden_input, wire

CREATED_S = 1_790_000_000
TOOL = {
    "name": "weather",
    "description": "The weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def upstream(account: Any, answer: Any, status: int = 200) -> Callable[[httpx2.Request], httpx2.Response]:
    """Return a server that translates each request for `account`, and the given upstream's answer back."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        made = exchange(request.url.path, request.read(), "target-model", account)
        assert made is not None
        assert json.loads(made.body)["model"] == "target-model"
        if status >= 400:
            return httpx2.Response(status, content=made.error(status, body(answer)))
        if not made.is_stream:
            return httpx2.Response(200, content=made.answer(body(answer), CREATED_S).body)
        translator = made.stream(CREATED_S)
        stream = translator.feed(wire(answer)) + translator.finish()
        return httpx2.Response(200, content=stream, headers={"content-type": "text/event-stream"})

    return handle


def claude(answer: Any, status: int = 200) -> anthropic.Anthropic:
    transport = httpx2.MockTransport(upstream("openai", answer, status))
    return anthropic.Anthropic(
        api_key="k", base_url="http://ccflare", max_retries=0, http_client=httpx2.Client(transport=transport)
    )


def gpt(answer: Any, status: int = 200) -> openai.OpenAI:
    transport = httpx2.MockTransport(upstream("anthropic", answer, status))
    return openai.OpenAI(
        api_key="k", base_url="http://ccflare/v1", max_retries=0, http_client=httpx2.Client(transport=transport)
    )


HELLO: Any = {"model": "claude-opus-5", "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}]}


def test_anthropic_sdk_reads_a_translated_answer() -> None:
    with claude(golden_input("account/answer", "tool_calls")) as client:
        message = client.messages.create(**HELLO, tools=[TOOL])
    assert message.stop_reason == "tool_use"
    assert [block.name for block in message.content if block.type == "tool_use"] == ["weather", "now"]
    anthropic.types.Message.model_validate(message.to_dict())


def test_anthropic_sdk_gathers_a_translated_stream() -> None:
    answer = golden_input("account/stream", "tool_calls")
    with claude(answer) as client, client.messages.stream(**HELLO, tools=[TOOL]) as stream:
        said = list(stream.text_stream)
        message = stream.get_final_message()
    assert said == ["Ok."]
    assert [block.input for block in message.content if block.type == "tool_use"] == [{"a": 1}, {}]
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (6, 4, 5)


@pytest.mark.parametrize(
    "case",
    [case for case in cases("account/stream") if case.output[-1]["type"] == "message_stop"],
    ids=lambda c: c.name,
)
def test_anthropic_sdk_takes_every_complete_stream(case: Case) -> None:
    with claude(case.input) as client, client.messages.stream(**HELLO) as stream:
        message = stream.get_final_message()
    assert message.stop_reason == case.output[-2]["delta"]["stop_reason"]
    anthropic.types.Message.model_validate(message.to_dict())


def test_anthropic_sdk_raises_on_an_error_inside_a_stream() -> None:
    broken = golden_input("account/stream", "error_inside")
    with claude(broken) as client, client.messages.stream(**HELLO) as stream, pytest.raises(anthropic.APIStatusError):
        stream.until_done()


def test_anthropic_sdk_raises_on_a_refused_request() -> None:
    refused = golden_input("account/error", "rate_limit")
    with claude(refused, 429) as client, pytest.raises(anthropic.RateLimitError, match="Rate limit reached"):
        client.messages.create(**HELLO)


ASKED: Any = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "hi"}]}


def test_openai_sdk_reads_a_translated_completion() -> None:
    with gpt(golden_input("chat/answer", "tool_calls")) as client:
        completion = client.chat.completions.create(**ASKED)
    openai.types.chat.ChatCompletion.model_validate(completion.to_dict())
    calls = completion.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls if call.type == "function"] == ["weather", "now"]
    assert completion.choices[0].finish_reason == "tool_calls"


def test_openai_sdk_gathers_translated_chunks() -> None:
    answer = golden_input("chat/stream", "tool_calls")
    with gpt(answer) as client:
        chunks = list(client.chat.completions.create(**ASKED, stream=True, stream_options={"include_usage": True}))
    for chunk in chunks:
        openai.types.chat.ChatCompletionChunk.model_validate(chunk.to_dict())
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 14
    assert arguments_of(chunks) == {0: '{"city":"Bern"}', 1: ""}


def test_openai_sdk_stream_helper_takes_translated_chunks() -> None:
    with gpt(golden_input("chat/stream", "tool_calls")) as client, client.chat.completions.stream(**ASKED) as stream:
        completion = stream.get_final_completion()
    assert completion.choices[0].message.content == "Hello."
    assert completion.choices[0].finish_reason == "tool_calls"


def test_openai_sdk_raises_on_an_error_inside_chunks() -> None:
    answer = golden_input("chat/stream", "error_inside")
    with gpt(answer) as client, pytest.raises(openai.APIError, match="Overloaded"):
        list(client.chat.completions.create(**ASKED, stream=True))


@pytest.mark.parametrize(
    "case", [case for case in cases("responses/answer") if "failed" not in case.output], ids=lambda c: c.name
)
def test_openai_sdk_reads_every_translated_response(case: Case) -> None:
    with gpt(case.input) as client:
        response = client.responses.create(model="claude-sonnet-4-5", input="hi", **case.asked.get("request", {}))
    openai.types.responses.Response.model_validate(response.to_dict())
    assert response.to_dict()["output"] == case.output["output"]


@pytest.mark.parametrize("case", cases("responses/stream"), ids=lambda c: c.name)
def test_openai_sdk_reads_every_typed_event(case: Case) -> None:
    asked = case.asked.get("request", {})
    with gpt(case.input) as client:
        events = list(client.responses.create(model="claude-sonnet-4-5", input="hi", stream=True, **asked))
    assert [event.type for event in events] == [event["type"] for event in case.output]
    for event in events:
        type(event).model_validate(event.to_dict())


@pytest.mark.parametrize("name", ["text", "thinking", "tool_calls", "refusal"])
def test_openai_sdk_stream_helper_gathers_a_response(name: str) -> None:
    streamed = golden_input("responses/stream", name)
    with gpt(streamed) as client, client.responses.stream(model="claude-sonnet-4-5", input="hi") as stream:
        kinds = [event.type for event in stream]
    assert kinds[-1] in ("response.completed", "response.incomplete")


def test_openai_sdk_raises_on_a_refused_response() -> None:
    refused = golden_input("chat/error", "rate_limit")
    with gpt(refused, 429) as client, pytest.raises(openai.RateLimitError, match="no"):
        client.responses.create(model="claude-sonnet-4-5", input="hi")


def test_tool_loop_of_the_openai_sdk_reaches_the_messages_api_whole() -> None:
    with gpt(golden_input("responses/answer", "thinking")) as client:
        first = client.responses.create(model="claude-sonnet-4-5", input="hi", reasoning={"effort": "low"})
    items: list[Any] = [{"role": "user", "content": "hi"}, *(item.to_dict() for item in first.output)]
    made = exchange("/v1/responses", json.dumps({"input": items}).encode(), "claude-sonnet-4-5", "anthropic")
    assert made is not None
    sent_back = json.loads(made.body)["messages"][1]["content"]
    assert sent_back == golden_input("responses/answer", "thinking")["content"]


def arguments_of(chunks: list[Any]) -> dict[int, str]:
    """Return each tool call's arguments, joined as an OpenAI client joins them."""
    found: dict[int, str] = {}
    for index, piece in _pieces(chunks):
        found[index] = found.get(index, "") + piece
    return found


def _pieces(chunks: list[Any]) -> Iterator[tuple[int, str]]:
    for chunk in chunks:
        for choice in chunk.choices:
            for call in choice.delta.tool_calls or []:
                yield call.index, call.function.arguments
