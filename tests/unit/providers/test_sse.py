"""Server-sent events: the specification's rules hold for every chunking, and memory stays bounded."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.sse import Event, Framer, SSEParser, encode, first_event


def reference(stream: bytes) -> list[Event]:
    """The specification, line by line, over a whole stream."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events, name, data = [], "", None
    for line in text.split(b"\n")[:-1]:
        if line == b"":
            if data is not None:
                events.append(Event(name or None, b"\n".join(data)))
            name, data = "", None
            continue
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if field == b"event":
            name = value.decode("utf-8", "replace")
        elif field == b"data":
            data = [*(data or []), value]
    return events


def is_ping(event: Event) -> bool:
    return event.event == "ping" or (event.event is None and event.data.strip() == b'{"type":"ping"}')


def parsed(chunks: list[bytes]) -> list[Event]:
    parser = SSEParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def cut(stream: bytes, points: list[int]) -> list[bytes]:
    edges = [0, *sorted(point % (len(stream) + 1) for point in points), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


LINES = st.sampled_from(
    [
        b"",
        b"event: message_start",
        b"event:ping",
        b"event:",
        b"event",
        b"data",
        b"data:",
        b"data: ",
        b"data:  two spaces",
        b'data: {"type":"ping"}',
        b"data:no space: and a colon",
        b": a comment",
        b":",
        b"id: 7",
        b"retry: 10",
        b" data: not a field",
        "data: Grüße 🎉".encode(),
        b"event: \xff",
        b"nonsense",
    ]
)
STREAMS = st.builds(
    lambda bom, lines: bom + b"".join(line + end for line, end in lines),
    st.sampled_from([b"", b"\xef\xbb\xbf", b"\xef\xbb"]),
    st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n", b"\r\r"])), max_size=20),
)


@given(stream=STREAMS, points=st.lists(st.integers(min_value=0), max_size=12))
def test_any_chunking_gives_the_events_of_the_specification(stream: bytes, points: list[int]) -> None:
    assert parsed(cut(stream, points)) == reference(stream)


@given(stream=STREAMS)
def test_single_bytes_give_the_events_of_the_specification(stream: bytes) -> None:
    assert parsed([bytes([byte]) for byte in stream]) == reference(stream)


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        pytest.param(b"event: a\ndata: 1\n\n", [Event("a", b"1")], id="named"),
        pytest.param(b"data:1\n\n", [Event(None, b"1")], id="no space after the colon"),
        pytest.param(b"data: 1\ndata: 2\n\n", [Event(None, b"1\n2")], id="lines joined"),
        pytest.param(b"data\n\n", [Event(None, b"")], id="field without a colon"),
        pytest.param(b"event: a\n\ndata: 1\n\n", [Event(None, b"1")], id="a name without data is forgotten"),
        pytest.param(b": hello\n\ndata: 1\n\n", [Event(None, b"1")], id="comment"),
        pytest.param(b"\xef\xbb\xbfdata: 1\n\n", [Event(None, b"1")], id="BOM"),
        pytest.param(b"data: 1\n\xef\xbb\xbfdata: 2\n\n", [Event(None, b"1")], id="BOM only at the start"),
        pytest.param(
            b"data: 1\r\rdata: 2\r\n\r\ndata: 3\n\r\n", [Event(None, n) for n in (b"1", b"2", b"3")], id="ends"
        ),
        pytest.param(b"data: 1\n\ndata: 2\n", [Event(None, b"1")], id="unfinished"),
    ],
)
def test_events(stream: bytes, events: list[Event]) -> None:
    assert parsed([stream]) == events
    assert reference(stream) == events


@pytest.mark.parametrize("size", [1, 3, 50, 10_000])
def test_an_oversized_event_is_dropped_whatever_the_chunks(size: int) -> None:
    stream = b"data: 1\n\n" + b"event: big\ndata: " + b"x" * 100 + b"\n\n" + b"data: 2\n\n"
    parser = SSEParser(max_event_bytes=64)
    events = [event for at in range(0, len(stream), size) for event in parser.feed(stream[at : at + size])]
    assert events == [Event(None, b"1"), Event(None, b"2")]
    assert parser.dropped == 1


def test_an_event_at_the_bound_is_kept_whatever_the_chunks() -> None:
    stream = b"data: " + b"x" * 58 + b"\n\n"
    for size in range(1, len(stream) + 1):
        parser = SSEParser(max_event_bytes=64)
        events = [event for at in range(0, len(stream), size) for event in parser.feed(stream[at : at + size])]
        assert [len(event.data) for event in events] == [58]


def test_an_endless_line_takes_bounded_memory() -> None:
    framer = Framer(max_event_bytes=1000)
    for _ in range(1000):
        framer.feed(b"data: " + b"x" * 994)
        assert len(framer.pending) <= 2002
    assert framer.feed(b"\n\ndata: 1\n\n") == b"data: 1\n\n"
    assert framer.rest == b""


@pytest.mark.parametrize(
    ("buffer", "found"),
    [
        pytest.param(b"", None, id="empty"),
        pytest.param(b"event: error\ndata: {}", None, id="no end"),
        pytest.param(b"event: error\ndata: {}\n", None, id="one line end"),
        pytest.param(b"event: error\ndata: {}\r\n", None, id="one CR LF is one line end"),
        pytest.param(b"event: error\ndata: {}\n\nrest", (Event("error", b"{}"), 23), id="first"),
        pytest.param(b"event: error\r\ndata: {}\r\n\r\nrest", (Event("error", b"{}"), 26), id="CR LF"),
        pytest.param(b": hello\n\ndata: 1\n\n", (Event(None, b"1"), 18), id="after a comment"),
        pytest.param(b": hello\ndata: 1\n\n", (Event(None, b"1"), 17), id="comment inside"),
        pytest.param(b'event: ping\ndata: {"type": "ping"}\n\ndata: 1\n\n', (Event(None, b"1"), 45), id="after a ping"),
        pytest.param(b'data: {"type": "ping" }\n\ndata: 1\n\n', (Event(None, b"1"), 34), id="after a nameless ping"),
        pytest.param(b"event: ping\ndata: {}\n\n", None, id="only a ping"),
        pytest.param(b"\xef\xbb\xbfdata: 1\n\n", (Event(None, b"1"), 12), id="BOM"),
    ],
)
def test_first_event_that_decides(buffer: bytes, found: tuple[Event, int] | None) -> None:
    assert first_event(buffer) == found


@given(stream=STREAMS)
def test_first_event_is_the_parsers_first_without_pings(stream: bytes) -> None:
    wanted = [event for event in reference(stream) if not is_ping(event)]
    found = first_event(stream)
    assert (found[0] if found else None) == (wanted[0] if wanted else None)
    if found:
        assert parsed([stream[found[1] :]]) == reference(stream)[reference(stream).index(found[0]) + 1 :]


@given(name=st.sampled_from([None, "error", "message_start"]), data=st.binary(max_size=60))
def test_what_is_encoded_is_parsed_again(name: str | None, data: bytes) -> None:
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert parsed([encode(name, data)]) == [Event(name, lines)]


@pytest.mark.parametrize("name", ["a\nb", "a\rb"])
def test_a_name_of_two_lines_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        encode(name, b"")
