import json

import pytest

from app.providers.openai_wire.responses import stream as module
from app.providers.openai_wire.responses.request import responses_to_messages
from app.providers.openai_wire.responses.stream import MessageToResponseStream
from tests.unit.providers.openai_wire.cases import golden_input, shown, wire
from tests.unit.providers.openai_wire.wellformed import response_events

REQUEST = responses_to_messages(b'{"input":"x"}', "claude-opus-5")


def test_cut_call_does_not_look_complete() -> None:
    stream = MessageToResponseStream(REQUEST, 0)
    events = response_events(stream.feed(wire(golden_input("responses/stream", "max_tokens"))))
    [done] = [event for event in events if event["type"] == "response.output_item.done"]
    assert done["item"]["status"] == "incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


def test_each_piece_goes_out_at_once() -> None:
    stream = MessageToResponseStream(REQUEST, 0)
    source = golden_input("responses/stream", "text")
    stream.feed(wire(source[:3]))
    [event] = shown(stream.feed(wire(source[3:4])))
    assert (event["type"], event["delta"]) == ("response.output_text.delta", "Hel")


def test_failure_keeps_what_was_said() -> None:
    stream = MessageToResponseStream(REQUEST, 0)
    source = golden_input("responses/stream", "text")
    events = response_events(stream.feed(wire(source[:4])) + stream.finish())
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == "Hel"
    assert events[-1]["response"]["error"]["code"] == "server_error"


def test_answer_beyond_the_limit_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_CHARS_MAX", 2)
    stream = MessageToResponseStream(REQUEST, 0)
    events = response_events(stream.feed(wire(golden_input("responses/stream", "text"))) + stream.finish())
    assert "too large" in events[-1]["response"]["error"]["message"]
    assert json.dumps(events[-1])


def test_nulls_at_the_end_erase_no_count() -> None:
    source = [
        {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 1234, "output_tokens": 1}}},
        {"type": "message_delta", "delta": {}, "usage": {"input_tokens": None, "output_tokens": 7}},
        {"type": "message_stop"},
    ]
    usage = shown(MessageToResponseStream(REQUEST, 0).feed(wire(source)))[-1]["response"]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (1234, 7)
