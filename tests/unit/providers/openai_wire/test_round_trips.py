"""Properties: nothing is lost on the way there and back, and no chunking changes what a stream says."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.providers.openai_wire.account.answer import chat_to_message
from app.providers.openai_wire.account.request import messages_to_chat
from app.providers.openai_wire.account.stream import ChatToMessageStream
from app.providers.openai_wire.chat.answer import message_to_chat
from app.providers.openai_wire.chat.request import chat_to_messages
from app.providers.openai_wire.chat.stream import MessageToChatStream
from app.providers.openai_wire.dialect import dialect_for
from app.providers.openai_wire.responses.answer import message_to_response
from app.providers.openai_wire.responses.request import responses_to_messages
from app.providers.openai_wire.responses.stream import MessageToResponseStream
from app.providers.openai_wire.responses.thought import opened, sealed
from tests.unit.providers.openai_wire.cases import wire
from tests.unit.providers.openai_wire.wellformed import chat_chunks, message_events, response_events

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
INPUTS = st.dictionaries(TEXT, VALUES, max_size=3)
COUNTS = st.integers(0, 100_000)
NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,64}", fullmatch=True)


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    """A complete answer of the Messages API that a client of either side can hold."""
    content: list[dict[str, Any]] = []
    if draw(st.booleans()):
        content.append({"type": "thinking", "thinking": draw(TEXT), "signature": draw(NAMES)})
    if draw(st.booleans()):
        content.append({"type": "text", "text": draw(TEXT)})
    calls = draw(st.lists(st.tuples(NAMES, INPUTS), max_size=3))
    for number, (name, given_input) in enumerate(calls):
        content.append({"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": given_input})
    reasons = ["tool_use", "max_tokens"] if calls else ["end_turn", "max_tokens", "refusal", "stop_sequence"]
    reason = draw(st.sampled_from(reasons))
    usage = {"input_tokens": draw(COUNTS), "output_tokens": draw(COUNTS)}
    usage |= {"cache_read_input_tokens": draw(COUNTS), "cache_creation_input_tokens": draw(COUNTS)}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": content}
    message |= {"stop_reason": reason, "stop_sequence": "END" if reason == "stop_sequence" else None, "usage": usage}
    return message


def stream_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events by which the Messages API would stream a message."""
    start = message | {"content": [], "stop_reason": None, "usage": message["usage"] | {"output_tokens": 1}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(message["content"]):
        empty, deltas = _pieces(block)
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
    events.append(
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": message["usage"]["output_tokens"]}}
    )
    return [*events, {"type": "message_stop"}]


def _pieces(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    match block["type"]:
        case "text":
            return block | {"text": ""}, [{"type": "text_delta", "text": char} for char in block["text"]]
        case "thinking":
            said = [{"type": "thinking_delta", "thinking": char} for char in block["thinking"]]
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return block | {"thinking": "", "signature": ""}, [*said, signed]
    arguments = json.dumps(block["input"])
    halves = arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]
    return block | {"input": {}}, [{"type": "input_json_delta", "partial_json": half} for half in halves]


def gathered(stream: bytes) -> dict[str, Any]:
    """Return the message that a Messages stream adds up to."""
    message: dict[str, Any] = {}
    arguments: dict[int, str] = {}
    for event in message_events(stream):
        match event["type"]:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                message["content"].append(event["content_block"])
            case "content_block_delta":
                block, delta = message["content"][event["index"]], event["delta"]
                for name in ("text", "thinking", "signature"):
                    if name in delta:
                        block[name] += delta[name]
                arguments[event["index"]] = arguments.get(event["index"], "") + delta.get("partial_json", "")
            case "message_delta":
                message |= event["delta"]
                message["usage"] |= event["usage"]
    for index, block in enumerate(message["content"]):
        if block["type"] == "tool_use":
            block["input"] = json.loads(arguments.get(index) or "{}")
    return message


def kept(message: dict[str, Any]) -> dict[str, Any]:
    """Return what a round trip has to keep."""
    return {name: message[name] for name in ("content", "stop_reason", "stop_sequence", "model", "usage")}


@given(messages())
def test_message_survives_the_way_through_chat(message: dict[str, Any]) -> None:
    there = message_to_chat(json.dumps(message).encode(), 0)
    back = chat_to_message(there.body)
    assert kept(json.loads(back.body)) == kept(message)
    assert there.losses == back.losses == ()


@given(messages())
def test_message_stream_survives_the_way_through_chat(message: dict[str, Any]) -> None:
    there = MessageToChatStream(0, includes_usage=True)
    middle = there.feed(wire(stream_of(message))) + there.finish()
    assert chat_chunks(middle)
    back = ChatToMessageStream()
    assert kept(gathered(back.feed(middle) + back.finish())) == kept(message)


@settings(max_examples=50)
@given(messages(), st.data())
def test_no_chunking_changes_what_a_stream_says(message: dict[str, Any], data: st.DataObject) -> None:
    source = wire(stream_of(message))
    request = responses_to_messages(b'{"input":"x"}', "claude-sonnet-4-5")
    chat_source = MessageToChatStream(0, includes_usage=True).feed(source)
    for make, given_stream in (
        (lambda: MessageToChatStream(0, includes_usage=True), source),
        (lambda: MessageToResponseStream(request, 0), source),
        (ChatToMessageStream, chat_source),
    ):
        cuts = sorted(data.draw(st.lists(st.integers(0, len(given_stream)), max_size=8)))
        whole, cut = make(), make()
        pieces = [given_stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(given_stream)], strict=True)]
        expected = whole.feed(given_stream) + whole.finish()
        assert b"".join(cut.feed(piece) for piece in pieces) + cut.finish() == expected
        assert cut.is_complete


@given(messages(), st.data())
def test_stream_cut_short_ends_with_an_error(message: dict[str, Any], data: st.DataObject) -> None:
    source = wire(stream_of(message))
    end = data.draw(st.integers(0, len(source) - len(wire([{"type": "message_stop"}]))))
    request = responses_to_messages(b'{"input":"x"}', "claude-sonnet-4-5")
    chat, responses = MessageToChatStream(0, includes_usage=False), MessageToResponseStream(request, 0)
    assert "error" in chat_chunks(chat.feed(source[:end]) + chat.finish())[-1]
    assert response_events(responses.feed(source[:end]) + responses.finish())[-1]["type"] == "response.failed"
    assert not chat.is_complete
    assert not responses.is_complete


@given(messages())
def test_whole_and_streamed_response_agree(message: dict[str, Any]) -> None:
    request = responses_to_messages(b'{"input":"x"}', "claude-sonnet-4-5")
    streamed = MessageToResponseStream(request, 7)
    last = response_events(streamed.feed(wire(stream_of(message))) + streamed.finish())[-1]["response"]
    whole = json.loads(message_to_response(json.dumps(message).encode(), request, 7).body)
    for response in (last, whole):
        for item in response["output"]:
            if item["type"] == "function_call":
                item["arguments"] = json.loads(item["arguments"])
    assert last == whole


CHUNKS = st.lists(
    st.one_of(
        st.builds(lambda said: {"content": said}, TEXT),
        st.builds(lambda said: {"reasoning_content": said}, TEXT),
        st.builds(
            lambda index, call_id, name, piece: {
                "tool_calls": [{"index": index, "id": call_id, "function": {"name": name, "arguments": piece}}]
            },
            st.none() | st.integers(0, 3),
            st.none() | st.sampled_from(["a", "b"]),
            st.none() | st.just("f"),
            st.none() | st.sampled_from(["", "{", "}", "{}", '"', "[", "x"]),
        ),
        st.just({"error": "odd"}),
        st.just({}),
    ),
    max_size=12,
)


@given(CHUNKS, st.sampled_from([None, "stop", "tool_calls", "length", "error", "odd"]), st.booleans())
def test_whatever_the_upstream_sends_the_events_are_in_order(
    deltas: list[dict[str, Any]], finish: str | None, is_done: bool
) -> None:
    chunks: list[Any] = [{"id": "c", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    translator = ChatToMessageStream()
    stream = translator.feed(wire(chunks + (["data: [DONE]\n\n"] if is_done else []))) + translator.finish()
    events = message_events(stream)
    assert translator.is_complete == (events[-1]["type"] == "message_stop")
    assert translator.feed(b"data: {}\n\n") == translator.finish() == b""


@given(st.binary(max_size=200))
def test_noise_never_breaks_a_translator(noise: bytes) -> None:
    translator = ChatToMessageStream()
    assert message_events(translator.feed(noise) + translator.finish())


@given(
    st.lists(
        st.one_of(
            st.builds(lambda said: [("user", said)], TEXT.filter(str.strip)),
            st.builds(
                lambda said, name, asked, told: [("call", said, name, asked), ("result", told)],
                TEXT.filter(str.strip),
                NAMES,
                INPUTS,
                TEXT.filter(str.strip),
            ),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_conversation_survives_the_way_to_chat_and_back(rounds: list[list[tuple[Any, ...]]]) -> None:
    turns: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": "Begin."}]}]
    for number, parts in enumerate(rounds):
        turns += [_turn(part, f"toolu_{number}") for part in parts]
        turns.append({"role": "assistant", "content": [{"type": "text", "text": "Noted."}]})
    asked = {"model": "m", "max_tokens": 9, "messages": turns}
    there = messages_to_chat(json.dumps(asked).encode(), "m", dialect_for("https://openrouter.ai/api/v1", "m"))
    back = chat_to_messages(there.body, "claude-sonnet-4-5")
    assert _merged(json.loads(back.body)["messages"]) == _merged(turns)


def _turn(part: tuple[Any, ...], call_id: str) -> dict[str, Any]:
    match part:
        case ("user", said):
            return {"role": "user", "content": [{"type": "text", "text": said}]}
        case ("call", said, name, asked):
            call = {"type": "tool_use", "id": call_id, "name": name, "input": asked}
            return {"role": "assistant", "content": [{"type": "text", "text": said}, call]}
        case ("result", told):
            content = [{"type": "text", "text": told}]
            return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call_id, "content": content}]}
    raise AssertionError(part)


def _merged(turns: list[dict[str, Any]]) -> list[tuple[str, list[Any]]]:
    merged: list[tuple[str, list[Any]]] = []
    for turn in turns:
        if merged and merged[-1][0] == turn["role"]:
            merged[-1][1].extend(turn["content"])
        else:
            merged.append((turn["role"], list(turn["content"])))
    return merged


@given(TEXT, NAMES)
def test_thinking_survives_its_envelope(thought: str, signature: str) -> None:
    block = {"type": "thinking", "thinking": thought, "signature": signature}
    assert opened(sealed(block)) == block
