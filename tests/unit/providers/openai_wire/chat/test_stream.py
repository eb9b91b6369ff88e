from app.providers.openai_wire.chat.stream import MessageToChatStream
from tests.unit.providers.openai_wire.cases import golden_input, shown, wire

EVENTS = golden_input("chat/stream", "text")


def test_ping_is_a_comment() -> None:
    assert MessageToChatStream(0, includes_usage=False).feed(wire([{"type": "ping"}])) == b": ping\n\n"


def test_usage_is_null_until_the_end() -> None:
    stream = MessageToChatStream(0, includes_usage=True)
    chunks = shown(stream.feed(wire(EVENTS)))
    assert [chunk["usage"] for chunk in chunks[:-2]] == [None] * (len(chunks) - 2)
    assert chunks[-2]["choices"] == []
    assert chunks[-2]["usage"]["completion_tokens"] == 5


def test_usage_is_absent_unless_asked_for() -> None:
    chunks = shown(MessageToChatStream(0, includes_usage=False).feed(wire(EVENTS)))
    assert all("usage" not in chunk for chunk in chunks[:-1])


def test_input_of_a_server_tool_is_not_a_call_of_the_client() -> None:
    block = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": "{}"}
    source = [
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
    ]
    assert MessageToChatStream(0, includes_usage=False).feed(wire(source)) == b""


def test_nulls_at_the_end_erase_no_count() -> None:
    known = {"input_tokens": 1234, "cache_read_input_tokens": 5000, "output_tokens": 1}
    source = [
        {"type": "message_start", "message": {"id": "msg_1", "usage": known}},
        {"type": "message_delta", "delta": {}, "usage": dict.fromkeys(known) | {"output_tokens": 7}},
        {"type": "message_stop"},
    ]
    usage = shown(MessageToChatStream(0, includes_usage=True).feed(wire(source)))[-2]["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (6234, 7)
