import json

from app.providers.openai_wire.account.lanes import HELD_CHARS_MAX
from app.providers.openai_wire.account.stream import ChatToMessageStream, chat_as_stream
from tests.unit.providers.openai_wire.cases import shown, wire
from tests.unit.providers.openai_wire.wellformed import message_events


def chunk(delta: dict[str, object], finish: str | None = None, index: int = 0) -> dict[str, object]:
    return {"id": "c", "model": "m", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def test_each_chunk_goes_out_at_once() -> None:
    stream = ChatToMessageStream()
    stream.feed(wire([chunk({"content": "a"})]))
    [event] = shown(stream.feed(wire([chunk({"content": "b"})])))
    assert event["delta"] == {"type": "text_delta", "text": "b"}


def test_usage_comes_after_the_finish_reason() -> None:
    stream = ChatToMessageStream()
    assert "message_delta" not in stream.feed(wire([chunk({"content": "a"}, "stop")])).decode()
    usage = {"id": "c", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
    events = shown(stream.feed(wire([usage, "data: [DONE]\n\n"])))
    assert events[-2]["usage"] == {"input_tokens": 7, "output_tokens": 2}


def test_second_choice_is_a_loss() -> None:
    stream = ChatToMessageStream()
    stream.feed(wire([chunk({"content": "a"}), chunk({"content": "b"}, index=1)]))
    assert stream.losses == ("choices: only the first",)


def test_calls_interleaved_beyond_the_limit_end_in_an_error() -> None:
    def piece(index: int, arguments: str) -> dict[str, object]:
        return chunk({"tool_calls": [{"index": index, "function": {"name": "f", "arguments": arguments}}]})

    stream = ChatToMessageStream()
    out = stream.feed(wire([piece(0, "{")]))
    for _ in range(5):
        out += stream.feed(wire([piece(1, "x" * (HELD_CHARS_MAX // 4))]))
    events = message_events(out + stream.finish())
    assert events[-1]["error"]["type"] == "api_error"
    assert not stream.is_complete


def test_signature_of_the_upstream_reaches_the_client() -> None:
    details = [{"type": "reasoning.text", "text": "Hm.", "index": 0}]
    signed = [{"type": "reasoning.text", "text": "", "signature": "c2ln", "index": 0}]
    stream = ChatToMessageStream()
    source = [
        chunk({"reasoning_details": details}),
        chunk({"reasoning_details": signed}),
        chunk({"content": "a"}, "stop"),
    ]
    events = message_events(stream.feed(wire(source)) + stream.finish())
    assert {"type": "signature_delta", "signature": "c2ln"} in [event.get("delta") for event in events]


def test_error_named_by_its_event_alone_is_an_error() -> None:
    stream = ChatToMessageStream()
    [event] = shown(stream.feed(b'event: error\ndata: {"message":"gone"}\n\n'))
    assert event["error"]["message"] == "gone"
    assert json.dumps(event)


def test_whole_answer_with_arguments_as_an_object_keeps_them() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "rm", "arguments": {"path": "/tmp/x"}}}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "tool_calls": [call]}}
    body = json.dumps({"id": "x", "model": "m", "choices": [choice]}).encode()
    deltas = [event["delta"] for event in shown(ChatToMessageStream().feed(chat_as_stream(body))) if "delta" in event]
    assert deltas[0] == {"type": "input_json_delta", "partial_json": '{"path":"/tmp/x"}'}
