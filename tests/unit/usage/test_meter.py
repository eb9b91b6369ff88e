"""The meter: for every chunking and coding the same reading as a naive parser of the whole answer gives."""

import gzip
import json
import zlib
from dataclasses import replace
from itertools import pairwise

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.providers.sse import MAX_EVENT_BYTES
from app.usage.decoding import zstd
from app.usage.meter import MAX_DOCUMENT_BYTES, Meter, Reading, Shape
from app.values import Tokens

CODINGS = {
    "": lambda data: data,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
    "gzip, br": lambda data: brotli.compress(gzip.compress(data)),
}


def event(document: dict[str, object], name: str | None = None, end: str = "\n") -> bytes:
    """One event as Anthropic writes it: named by its type."""
    name = str(document["type"]) if name is None else name
    data = json.dumps(document, ensure_ascii=False)
    return (f"event: {name}{end}" * bool(name) + f"data: {data}{end}{end}").encode()


def message_start(**usage: object) -> bytes:
    message = {"id": "msg_1", "type": "message", "model": "claude-opus-4-8", "stop_reason": None, "usage": usage}
    return event({"type": "message_start", "message": message})


def delta(text: str, name: str | None = None, end: str = "\n") -> bytes:
    inner = {"type": "text_delta", "text": text}
    return event({"type": "content_block_delta", "index": 0, "delta": inner}, name, end)


def message_delta(stop_reason: str | None = "end_turn", **usage: object) -> bytes:
    return event({"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": usage})


PING = event({"type": "ping"})
STOP = event({"type": "message_stop"})
ERROR = event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})


def read(
    chunks: list[bytes],
    content_type: str = "text/event-stream; charset=utf-8",
    coding: str = "",
    shape: Shape = "anthropic",
) -> Reading:
    """The reading when chunk n comes at n milliseconds."""
    meter = Meter(content_type, coding, shape)
    for at_ms, chunk in enumerate(chunks):
        meter.feed(chunk, at_ms)
    return meter.reading()


def cut(data: bytes, points: list[int]) -> list[bytes]:
    edges = [0, *sorted(point % (len(data) + 1) for point in points), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def naive_events(stream: bytes) -> list[tuple[str, str]]:
    text = stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("utf-8", "replace")
    events = []
    for block in text.split("\n\n")[:-1]:
        lines = [line.partition(":") for line in block.split("\n")]
        fields = [(field, value.removeprefix(" ")) for field, _, value in lines]
        data = [value for field, value in fields if field == "data"]
        if data:
            events.append(("".join(value for field, value in fields if field == "event"), "\n".join(data)))
    return events


def naive(chunks: list[bytes]) -> Reading:
    """All of it, with a JSON parse of every event."""
    reading, usage, final, seen, stream = Reading(), {}, False, 0, b""
    for at_ms, chunk in enumerate(chunks):
        stream += chunk
        events = naive_events(stream)
        for name, data in events[seen:]:
            try:
                document = json.loads(data)
            except ValueError:
                continue
            kind, given_usage = document.get("type") or name, document.get("usage")
            if kind == "message_start":
                message = document["message"]
                given_usage = message.get("usage")
                reading = replace(reading, model=message["model"], message_id=message["id"])
            elif kind == "message_delta":
                reading = replace(reading, stop_reason=document["delta"]["stop_reason"] or reading.stop_reason)
                final = final or any(value is not None for value in (given_usage or {}).values())
            elif kind == "content_block_delta":
                first = at_ms if reading.first_token_at is None else reading.first_token_at
                reading = replace(reading, first_token_at=first, last_token_at=at_ms)
            elif kind == "message_stop":
                reading = replace(reading, complete=True)
            elif kind == "error" and not reading.error:
                reading = replace(reading, error=(document["error"]["type"], document["error"]["message"]))
            usage.update({key: value for key, value in (given_usage or {}).items() if value is not None})
        seen = len(events)
    split = usage.get("cache_creation") or {}
    total = usage.get("cache_creation_input_tokens")
    tokens = Tokens(
        input=usage.get("input_tokens"),
        output=usage.get("output_tokens"),
        cache_read=usage.get("cache_read_input_tokens"),
        cache_write_5m=split.get("ephemeral_5m_input_tokens", total),
        cache_write_1h=split.get("ephemeral_1h_input_tokens"),
        web_searches=(usage.get("server_tool_use") or {}).get("web_search_requests"),
    )
    return replace(reading, tokens=tokens, is_partial=tokens.is_known and not final and not reading.complete)


HOSTILE = [
    '"usage":{"output_tokens":999}',
    'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    'event: error\ndata: {"type":"error","error":{"type":"x","message":"y"}}\n\n',
    'message_start message_delta message_stop "message_stop"',
    '{"type":"message_delta","usage":{"input_tokens":7}}',
    'an error, an \\error\\ and \\"usage\\": {}',
    "content_block_delta",
    "\r\n\r\n",
    "é 🎉 \u2028",
]
COUNTS = st.one_of(st.none(), st.integers(0, 10**9))
USAGES = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {},
        optional={
            "input_tokens": COUNTS,
            "output_tokens": COUNTS,
            "cache_read_input_tokens": COUNTS,
            "server_tool_use": st.one_of(st.none(), st.fixed_dictionaries({"web_search_requests": st.integers(0, 9)})),
        },
    ),
)
WRITES = st.one_of(
    st.just({}),
    st.builds(lambda count: {"cache_creation_input_tokens": count}, COUNTS),
    st.builds(
        lambda short, long: {
            "cache_creation_input_tokens": short + long,
            "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
        },
        st.integers(0, 10**6),
        st.integers(0, 10**6),
    ),
)
TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))
ENDS = st.sampled_from(["\n", "\r\n"])
EVENTS = st.one_of(
    st.builds(delta, TEXTS, st.sampled_from([None, ""]), ENDS),
    st.builds(delta, TEXTS),
    st.builds(lambda usage: message_delta(**usage), USAGES),
    st.builds(message_delta, st.none()),
    st.builds(
        lambda text: event({"type": "content_block_start", "index": 0, "content_block": {"type": "x", "input": text}}),
        TEXTS,
    ),
    st.sampled_from(
        [PING, STOP, ERROR, b": comment\n\n", b"event: content_block_delta\n\n", b"data: [DONE]\n\n", b"\n"]
    ),
    st.just(event({"type": "content_block_stop", "index": 0})),
    st.just(event({"type": "message_stop"}, "")),
    st.just(b"event: message_delta\ndata: not json, but usage\n\n"),
)
STREAMS = st.builds(
    lambda usage, writes, events: message_start(**usage, **writes) + b"".join(events),
    USAGES,
    WRITES,
    st.lists(EVENTS, max_size=12),
)


@settings(max_examples=300)
@given(stream=STREAMS, points=st.lists(st.integers(min_value=0), max_size=15))
def test_any_chunking_reads_as_the_naive_parser(stream: bytes, points: list[int]) -> None:
    chunks = cut(stream, points)
    assert read(chunks) == naive(chunks)


@given(stream=STREAMS)
def test_single_bytes_read_as_the_naive_parser(stream: bytes) -> None:
    chunks = [bytes([byte]) for byte in stream]
    assert read(chunks) == replace(naive([stream]), **times(naive(chunks)))


@given(events=st.lists(EVENTS, max_size=12))
def test_chunks_that_are_events_read_as_the_naive_parser(events: list[bytes]) -> None:
    chunks = [message_start(input_tokens=3), delta("first"), *events]
    assert read(chunks) == naive(chunks)


@given(stream=STREAMS, coding=st.sampled_from(list(CODINGS)), points=st.lists(st.integers(min_value=0), max_size=6))
def test_every_coding_reads_alike(stream: bytes, coding: str, points: list[int]) -> None:
    encoded = read(cut(CODINGS[coding](stream), points), coding=coding)
    assert without_times(encoded) == without_times(naive([stream]))


@given(stream=STREAMS, at=st.integers(min_value=0))
def test_a_cut_stream_reads_as_the_naive_parser(stream: bytes, at: int) -> None:
    chunks = [stream[: at % (len(stream) + 1)]]
    whole = [chunks[0] + b"\n\n"]  # An event that lacks only its blank line is read.
    assert read(chunks) in (naive(chunks), naive(whole))


def times(reading: Reading) -> dict[str, int | None]:
    return {"first_token_at": reading.first_token_at, "last_token_at": reading.last_token_at}


def without_times(reading: Reading) -> Reading:
    return replace(reading, first_token_at=None, last_token_at=None)


def test_an_ordinary_stream() -> None:
    start = message_start(
        input_tokens=25,
        cache_creation_input_tokens=100,
        cache_read_input_tokens=2000,
        cache_creation={"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40},
        output_tokens=1,
        service_tier="standard",
    )
    block = event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    end = message_delta(output_tokens=512, server_tool_use={"web_search_requests": 2})
    assert read([start, block, PING, delta("a"), delta("b"), delta("c"), end, STOP]) == Reading(
        tokens=Tokens(25, 512, 2000, 60, 40, 2),
        model="claude-opus-4-8",
        message_id="msg_1",
        stop_reason="end_turn",
        first_token_at=3,
        last_token_at=5,
        complete=True,
    )


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", [None, ""], ids=["named", "nameless"])
def test_words_in_the_text_fool_nobody(text: str, name: str | None) -> None:
    reading = read(
        [message_start(input_tokens=1, output_tokens=1), delta("a"), delta(text, name), delta("b" + text, name)]
    )
    assert reading.tokens == Tokens(input=1, output=1)
    assert (reading.complete, reading.error, reading.stop_reason, reading.last_token_at) == (False, None, None, 3)


@pytest.mark.parametrize(
    ("usages", "tokens"),
    [
        pytest.param([{}, {}], Tokens(), id="none"),
        pytest.param([{"input_tokens": 0}, {"output_tokens": 0}], Tokens(input=0, output=0), id="zero is zero"),
        pytest.param([{"input_tokens": 5, "output_tokens": 1}, {"output_tokens": 9}], Tokens(5, 9), id="final wins"),
        pytest.param([{"input_tokens": 0}, {"input_tokens": 7}], Tokens(input=7), id="input told at the end"),
        pytest.param([{"input_tokens": 5}, {"input_tokens": None}], Tokens(input=5), id="null keeps the former"),
        pytest.param([{"cache_creation_input_tokens": 9}], Tokens(cache_write_5m=9), id="no split is 5 min"),
        pytest.param(
            [{"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 9}}],
            Tokens(cache_write_5m=0, cache_write_1h=9),
            id="half a split",
        ),
        pytest.param(
            [{"cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5}}],
            Tokens(cache_write_5m=4, cache_write_1h=5),
            id="split without total",
        ),
        pytest.param(
            [
                {"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 5}},
                {"cache_creation_input_tokens": 12},
            ],
            Tokens(cache_write_5m=7, cache_write_1h=5),
            id="later total grows the 5 min",
        ),
        pytest.param(
            [
                {"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 5}},
                {"cache_creation_input_tokens": 3},
            ],
            Tokens(cache_write_5m=0, cache_write_1h=3),
            id="later total shrinks the 1 h",
        ),
        pytest.param(
            [{"input_tokens": True, "output_tokens": -1, "cache_read_input_tokens": "7"}], Tokens(), id="no counts"
        ),
        pytest.param([{"input_tokens": 12.0, "output_tokens": 1.5}], Tokens(input=12), id="whole floats"),
        pytest.param([{"input_tokens": 10**30}], Tokens(), id="beyond any database"),
        pytest.param(
            [{"cache_creation": [], "server_tool_use": 3, "input_tokens": 1}], Tokens(input=1), id="odd types"
        ),
    ],
)
def test_usage(usages: list[dict[str, object]], tokens: Tokens) -> None:
    assert read([message_start(**usages[0]), *(message_delta(**usage) for usage in usages[1:]), STOP]).tokens == tokens


@pytest.mark.parametrize(
    ("chunks", "is_partial", "complete"),
    [
        pytest.param([message_start(input_tokens=1), delta("a")], True, False, id="before the final usage"),
        pytest.param(
            [message_start(input_tokens=1), message_delta(output_tokens=2)], False, False, id="before the stop"
        ),
        pytest.param([message_start(input_tokens=1), message_delta(output_tokens=2), STOP], False, True, id="whole"),
        pytest.param([message_start(input_tokens=1), STOP[:-1]], False, True, id="without the last blank line"),
        pytest.param([message_start(), delta("a")], False, False, id="nothing known"),
        pytest.param([PING], False, False, id="only a ping"),
        pytest.param([], False, False, id="nothing came"),
    ],
)
def test_what_is_partial_and_what_complete(chunks: list[bytes], is_partial: bool, complete: bool) -> None:
    reading = read(chunks)
    assert (reading.is_partial, reading.complete) == (is_partial, complete)


def test_an_error_event_is_told() -> None:
    reading = read([message_start(input_tokens=1), delta("a"), ERROR])
    assert reading.error == ("overloaded_error", "Overloaded")
    assert not reading.complete


def test_a_reading_in_mid_stream_changes_nothing() -> None:
    chunks = cut(
        message_start(input_tokens=1) + delta("a") + message_delta(output_tokens=5) + STOP, [30, 250, 300, 420]
    )
    meter = Meter("text/event-stream")
    for at_ms, chunk in enumerate(chunks):
        meter.feed(chunk, at_ms)
        meter.reading()
    assert meter.reading() == naive(chunks)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_broken_coding_makes_the_rest_unknown(coding: str) -> None:
    reading = read([b"\xff\x00 this is not compressed at all", message_start(input_tokens=1)], coding=coding)
    assert reading == Reading(is_readable=False)


def test_what_came_before_a_broken_coding_stands_as_partial() -> None:
    compress = zlib.compressobj(wbits=31)
    head = compress.compress(message_start(input_tokens=4)) + compress.flush(zlib.Z_SYNC_FLUSH)
    reading = read([head, b"\xff" * 100, b"more"], coding="gzip")
    assert (reading.tokens, reading.is_partial, reading.is_readable) == (Tokens(input=4), True, False)


def test_an_unknown_coding_is_unknown() -> None:
    assert read([message_start(input_tokens=4)], coding="rot13") == Reading(is_readable=False)


def test_an_event_beyond_the_bound_is_passed_over() -> None:
    huge = [b"event: content_block_start\ndata: {", *[b"x" * (1 << 20)] * (MAX_EVENT_BYTES // (1 << 20) + 1), b"}\n\n"]
    reading = read([message_start(input_tokens=1), *huge, delta("a"), message_delta(output_tokens=2), STOP])
    assert (reading.tokens, reading.complete) == (Tokens(1, 2), True)


# Documents


def answer(text: str, **more: object) -> dict[str, object]:
    content = [{"type": "text", "text": text}, {"type": "tool_use", "input": {"usage": {"input_tokens": 99}}}]
    usage = {"input_tokens": 25, "output_tokens": 7, "cache_read_input_tokens": 3}
    head = {"id": "msg_1", "type": "message", "model": "claude-opus-4-8"}
    return {**head, "content": content, "stop_reason": "end_turn", "usage": usage, **more}


ANSWER = Reading(
    tokens=Tokens(25, 7, 3),
    model="claude-opus-4-8",
    message_id="msg_1",
    stop_reason="end_turn",
    complete=True,
)


@pytest.mark.parametrize("copies", [0, 1, 3000], ids=["small", "hostile", "large"])
@pytest.mark.parametrize("size", [7, 1000, 65536])
@pytest.mark.parametrize("content_type", ["application/json", "application/vnd.x+json; charset=utf-8", ""])
def test_a_document(copies: int, size: int, content_type: str) -> None:
    body = json.dumps(answer("".join(HOSTILE) * copies)).encode()
    assert (len(body) > MAX_DOCUMENT_BYTES) == (copies == 3000)
    assert read([body[at : at + size] for at in range(0, len(body), size)], content_type) == ANSWER


@pytest.mark.parametrize("coding", list(CODINGS))
def test_a_large_document_in_every_coding(coding: str) -> None:
    body = CODINGS[coding](json.dumps(answer("x" * 2_000_000)).encode())
    assert read([body[at : at + 5000] for at in range(0, len(body), 5000)], "application/json", coding) == ANSWER


@pytest.mark.parametrize("copies", [0, 3000], ids=["small", "large"])
def test_usage_may_stand_anywhere_in_a_document(copies: int) -> None:
    document = answer("".join(HOSTILE) * copies)
    body = json.dumps(dict(reversed(document.items()))).encode()
    assert read([body], "application/json") == ANSWER


@pytest.mark.parametrize("copies", [0, 3000], ids=["small", "large"])
def test_a_cut_document_is_not_complete(copies: int) -> None:
    body = json.dumps(answer("".join(HOSTILE) * copies)).encode()
    assert not read([body[:-1]], "application/json").complete


def test_a_document_keeps_bounded_memory() -> None:
    meter = Meter("application/json")
    meter.feed(b'{"content":"', 0)
    for _ in range(50):
        meter.feed(b"x" * 60_000, 0)
        assert meter._body is not None
        assert len(meter._body._body) <= MAX_DOCUMENT_BYTES
    meter.feed(b'","usage":{"input_tokens":3}}', 0)
    assert meter.reading() == Reading(tokens=Tokens(input=3), complete=True)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(
            {"type": "error", "error": {"type": "not_found_error", "message": "model: x"}, "request_id": "req"},
            ("not_found_error", "model: x"),
            id="anthropic",
        ),
        pytest.param({"error": {"message": "no", "code": "bad"}}, ("bad", "no"), id="openai"),
        pytest.param({"error": "no"}, ("error", "no"), id="text"),
        pytest.param({"error": {}}, None, id="empty"),
    ],
)
def test_an_errors_body(body: dict[str, object], error: tuple[str, str] | None) -> None:
    assert read([json.dumps(body).encode()], "application/json") == Reading(error=error, complete=True)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"input_tokens": 2095}', id="count_tokens"),
        pytest.param(b'{"data": [{"usage": {"input_tokens": 3}}]}', id="a list"),
        pytest.param(b'{"usage": null}', id="null"),
        pytest.param(b'{"usage": [1]}', id="no object"),
    ],
)
def test_documents_without_usage_have_no_tokens(body: bytes) -> None:
    assert read([body], "application/json") == Reading(complete=True)


@pytest.mark.parametrize("body", [b"", b"not json", b"[1]", b"{", b'{"a":1} x', b"[" * 100_000, b'{"a":' * 100_000])
def test_what_is_no_document_is_unknown(body: bytes) -> None:
    assert read([body], "application/json") == Reading()


@pytest.mark.parametrize("content_type", ["text/html", "application/octet-stream", "application/x-jsonl", "image/png"])
def test_other_content_is_not_read(content_type: str) -> None:
    assert read([json.dumps(answer("x")).encode()], content_type) == Reading()


def test_without_a_content_type_a_stream_is_known_by_its_looks() -> None:
    assert read([b"\n", message_start(input_tokens=1), STOP], "").tokens == Tokens(input=1)


# OpenAI


def chunk(delta: dict[str, object] | None, finish: str | None = None, **more: object) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    document = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-x", "choices": choices, **more}
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


CHAT_USAGE = {"prompt_tokens": 100, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 60}}
DONE = b"data: [DONE]\n\n"


def test_a_chat_stream() -> None:
    chunks = [
        chunk({"role": "assistant", "content": ""}, usage=None),
        chunk({"content": "a"}, usage=None),
        chunk({"content": '"usage":{"prompt_tokens":1} [DONE] error "finish_reason":"x"'}, usage=None),
        chunk({"content": "c"}, usage=None),
        chunk({}, "stop", usage=None),
        chunk(None, usage=CHAT_USAGE),
        DONE,
    ]
    expected = Reading(
        tokens=Tokens(input=40, output=9, cache_read=60),
        model="gpt-x",
        message_id="chatcmpl-1",
        stop_reason="stop",
        first_token_at=1,
        last_token_at=3,
        complete=True,
    )
    assert read(chunks, shape="openai") == expected
    assert without_times(read([b"".join(chunks)], shape="openai")) == without_times(expected)
    assert without_times(read([bytes([byte]) for byte in b"".join(chunks)], shape="openai")) == without_times(expected)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        pytest.param({"prompt_tokens": 5, "completion_tokens": 2}, Tokens(5, 2), id="plain"),
        pytest.param(CHAT_USAGE, Tokens(40, 9, 60), id="cached counted once"),
        pytest.param(
            {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 2, "cache_creation_input_tokens": 3}},
            Tokens(input=4, cache_read=2, cache_write_5m=3),
            id="written counted once",
        ),
        pytest.param(
            {"input_tokens": 9, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 2}},
            Tokens(7, 4, 2),
            id="responses",
        ),
        pytest.param({"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 2}}, Tokens(0, None, 2), id="odd"),
        pytest.param({"prompt_tokens": 1, "prompt_tokens_details": None}, Tokens(input=1), id="null details"),
        pytest.param({}, Tokens(), id="empty"),
    ],
)
def test_openai_usage(usage: dict[str, object], tokens: Tokens) -> None:
    body = json.dumps({"id": "x", "choices": [{"finish_reason": "length"}], "usage": usage}).encode()
    reading = read([body], "application/json", shape="openai")
    assert (reading.tokens, reading.stop_reason, reading.complete) == (tokens, "length", True)


def test_a_responses_stream() -> None:
    def named(kind: str, **more: object) -> bytes:
        return event({"type": kind, **more})

    response = {"id": "resp_1", "object": "response", "model": "gpt-x", "error": None, "usage": None}
    usage = {"input_tokens": 9, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 2}}
    chunks = [
        named("response.created", response={**response, "status": "in_progress"}),
        named("response.output_text.delta", delta="a"),
        named("response.output_text.delta", delta='"type":"response.completed" error "usage":{}'),
        named("response.output_text.delta", delta="c"),
        named("response.completed", response={**response, "status": "completed", "usage": usage}),
    ]
    assert read(chunks, shape="openai") == Reading(
        tokens=Tokens(7, 4, 2),
        model="gpt-x",
        message_id="resp_1",
        stop_reason="completed",
        first_token_at=1,
        last_token_at=3,
        complete=True,
    )


@pytest.mark.parametrize(
    ("events", "error"),
    [
        pytest.param(
            [b'data: {"error":{"message":"no","type":"server_error"}}\n\n'], ("server_error", "no"), id="chat"
        ),
        pytest.param(
            [event({"type": "error", "code": "rate_limit", "message": "slow"})], ("error", "slow"), id="responses"
        ),
        pytest.param(
            [event({"type": "response.failed", "response": {"error": {"code": "server_error", "message": "no"}}})],
            ("server_error", "no"),
            id="response failed",
        ),
    ],
)
def test_openai_errors(events: list[bytes], error: tuple[str, str]) -> None:
    assert read([chunk({"content": "a"}), *events], shape="openai").error == error


def test_a_cut_chat_stream_is_not_complete() -> None:
    reading = read([chunk({"content": "a"}), chunk({"content": "b"})], shape="openai")
    assert (reading.complete, reading.tokens) == (False, Tokens())


def test_a_chat_stream_of_a_server_without_done_is_complete() -> None:
    assert read([chunk({"content": "a"}), chunk({}, "stop")], shape="openai").complete


@given(events=st.lists(st.binary(max_size=40), max_size=10), shape=st.sampled_from(["anthropic", "openai"]))
def test_junk_never_raises(events: list[bytes], shape: Shape) -> None:
    for content_type in ("text/event-stream", "application/json", ""):
        for coding in CODINGS:
            read(events, content_type, coding, shape)
    read([b"data: " + junk + b"\n\n" for junk in events], shape=shape)


NAMES = ["type", "message", "usage", "delta", "error", "choices", "response", "model", "cache_creation", "input_tokens"]


@given(
    document=st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
        lambda inner: st.dictionaries(
            st.sampled_from(NAMES),
            st.one_of(inner, st.lists(inner, max_size=2)),
        ),
        max_leaves=10,
    ),
    kind=st.sampled_from(["message_start", "message_delta", "error", "content_block_delta", "response.completed", 3]),
    shape=st.sampled_from(["anthropic", "openai"]),
)
def test_any_json_is_read_without_raising(document: object, kind: object, shape: Shape) -> None:
    body = {**document, "type": kind} if isinstance(document, dict) else document
    data = json.dumps(body).encode()
    read([b"event: message_start\ndata: " + data + b"\n\n"], shape=shape)
    read([data], "application/json", shape=shape)
