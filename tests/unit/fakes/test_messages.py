"""The Messages API as the fake speaks it, read by hand and by the vendor's own SDK."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from tests.fakes import messages
from tests.fakes.steps import first_event_error, message, mid_stream_error

TOOL = {
    "name": "weather",
    "description": "Tell the weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
}


@pytest.fixture
def client(up: Any) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="sk-ant-api03-key", base_url=up.url, max_retries=0) as made:
        yield made


def events_of(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in body.decode().split("\n") if line.startswith("data: ")]


def test_answer_names_the_model_and_shows_the_prompt(call: Any) -> None:
    answer = json.loads(call.post(call.body(text="Wie geht's?")).body)
    assert answer["model"] == "claude-sonnet-4-6"
    assert "Wie geht's?" in answer["content"][0]["text"]
    assert answer["stop_reason"] == "end_turn"


def test_different_prompts_get_different_figures(call: Any) -> None:
    short, long = (json.loads(call.post(call.body(text=text)).body)["usage"] for text in ("a", "a" * 400))
    assert long["input_tokens"] > short["input_tokens"]


def test_stream_has_the_order_of_the_api(up: Any, call: Any) -> None:
    up.script("*", message(thinking="Hm.", text="Ja."))
    kinds = [event["type"] for event in events_of(call.post(call.body(stream=True)).body)]
    assert kinds[:3] == ["message_start", "content_block_start", "ping"]
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds.count("content_block_stop") == 2


def test_data_lines_are_padded_before_the_last_brace() -> None:
    lines = [messages.event({"type": "x"}).split(b"\n")[1] for _ in range(200)]
    assert len({len(line) for line in lines}) > 1
    assert all(json.loads(line[6:]) == {"type": "x"} for line in lines)


def test_final_usage_is_cumulative(up: Any, call: Any) -> None:
    given = {
        "input_tokens": 11,
        "output_tokens": 400,
        "cache_read_input_tokens": 5,
        "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3},
    }
    up.script("*", message(usage=given))
    events = events_of(call.post(call.body(stream=True)).body)
    start, end = events[0]["message"]["usage"], events[-2]["usage"]
    assert start["cache_creation"] == given["cache_creation"]
    assert start["output_tokens"] < end["output_tokens"] == 400
    assert end["cache_creation_input_tokens"] == 5


def test_prefix_is_written_to_the_cache_and_then_read(call: Any) -> None:
    system = [{"type": "text", "text": "x" * 400, "cache_control": {"type": "ephemeral"}}]
    first, second, other = (
        json.loads(call.post(call.body(system=system), key=key).body)["usage"] for key in ("k1", "k1", "k2")
    )
    assert first["cache_creation_input_tokens"] > 0 == first["cache_read_input_tokens"]
    assert second["cache_read_input_tokens"] > 0 == second["cache_creation_input_tokens"]
    assert other["cache_read_input_tokens"] == 0


def test_sdk_assembles_thinking_search_text_and_tools(up: Any, client: anthropic.Anthropic) -> None:
    calls = [{"name": "weather", "input": {"city": "Bülach"}}, {"name": "weather", "input": {"city": "Uster"}}]
    up.script("*", message(thinking="Ich denke.", search="Wetter", text="So.", tools=calls))
    with client.messages.stream(
        model="claude-sonnet-4-6", max_tokens=9, messages=[{"role": "user", "content": "?"}], tools=[TOOL]
    ) as stream:
        final = stream.get_final_message()
    kinds = [block.type for block in final.content]
    assert kinds == ["thinking", "server_tool_use", "web_search_tool_result", "text", "tool_use", "tool_use"]
    assert final.content[0].signature
    assert final.content[3].citations
    assert [block.input for block in final.content[4:]] == [{"city": "Bülach"}, {"city": "Uster"}]
    assert final.stop_reason == "tool_use"
    assert final.usage.server_tool_use.web_search_requests == 1


def test_prompt_can_ask_for_a_tool_and_its_result_ends_the_loop(client: anthropic.Anthropic) -> None:
    talk: list[Any] = [{"role": "user", "content": "please use weather now"}]
    first = client.messages.create(model="claude-opus-4-8", max_tokens=9, messages=talk, tools=[TOOL])
    use = first.content[-1]
    assert use.type == "tool_use"
    assert set(use.input) == {"city", "days"}
    talk.append({"role": "assistant", "content": first.content})
    talk.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "rain"}]})
    second = client.messages.create(model="claude-opus-4-8", max_tokens=9, messages=talk, tools=[TOOL])
    assert second.stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("step", "events"), [(first_event_error(), 0), (mid_stream_error(5), 5)], ids=["first", "middle"]
)
def test_error_event_ends_the_stream_where_asked(up: Any, call: Any, step: Any, events: int) -> None:
    up.script("*", step)
    answer = call.post(call.body(stream=True))
    *before, last = events_of(answer.body)
    assert answer.status == 200
    assert answer.complete
    assert len(before) == events
    assert last["error"]["type"] == "overloaded_error"


def test_stream_error_is_a_status_when_no_stream_was_asked(up: Any, call: Any) -> None:
    up.script("*", [first_event_error("overloaded_error"), first_event_error("rate_limit_error")])
    assert [call.post().status, call.post().status] == [529, 429]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"{", "valid JSON"),
        (b"[]", "valid JSON"),
        (b'{"model":"m","messages":[]}', "max_tokens"),
        (b'{"model":"m","max_tokens":1,"messages":[]}', "at least one"),
        (b'{"max_tokens":1,"messages":[{}]}', "model"),
    ],
    ids=["cut json", "list", "no max_tokens", "no messages", "no model"],
)
def test_bad_body_is_refused_with_the_field(call: Any, body: bytes, word: str) -> None:
    answer = call.post(body)
    fault = json.loads(answer.body)
    assert answer.status == 400
    assert fault["error"]["type"] == "invalid_request_error"
    assert word in fault["error"]["message"]
    assert fault["request_id"] == answer.header("request-id")


def test_tokens_are_counted(client: anthropic.Anthropic) -> None:
    counted = client.messages.count_tokens(model="claude-opus-4-8", messages=[{"role": "user", "content": "hello"}])
    assert counted.input_tokens > 0


@pytest.mark.parametrize("count", [1, 3, 50], ids=str)
def test_text_is_cut_into_exactly_so_many_pieces(count: int) -> None:
    pieces = messages.pieces_of("kurz", count)
    assert len(pieces) == count
    assert all(pieces)
