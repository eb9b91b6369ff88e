"""The bench's upstream says what the Messages API would say."""

from bench.upstream import EVENTS, WHOLE, chunk


def test_chunk_is_framed_with_its_length_in_hex() -> None:
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"


def test_stream_has_fifty_events_and_a_last_chunk() -> None:
    assert WHOLE["stream"].count(b"event: ") == EVENTS
    assert WHOLE["stream"].endswith(b'message_stop"}\n\n\r\n0\r\n\r\n')


def test_json_answer_is_as_long_as_it_says() -> None:
    head, _, body = WHOLE["limits"].partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}\r\n".encode() in head
