"""Encodings, splits, framings, waits, and the bad ends."""

import gzip
import json
import zlib
from itertools import pairwise
from typing import Any

import brotli
import pytest

from tests.fakes.delivery import zstd
from tests.fakes.raw import RawClient
from tests.fakes.steps import (
    cut,
    early_close_of_idle_connection,
    early_end,
    hold,
    message,
    rst,
    short_body,
    silent,
    status,
)

DECODERS = {"gzip": gzip.decompress, "br": brotli.decompress, "zstd": zstd.decompress, "deflate": zlib.decompress}


@pytest.mark.parametrize("encoding", DECODERS)
@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_encoded_answer_decodes_to_the_plain_one(up: Any, call: Any, encoding: str, stream: bool) -> None:
    up.script("*", message(text="Grüezi", encoding=encoding))
    answer = call.post(call.body(stream=stream))
    assert answer.header("content-encoding") == encoding
    assert "Grüezi" in DECODERS[encoding](answer.body).decode()
    assert answer.complete


@pytest.mark.parametrize("encoding", DECODERS)
def test_each_event_of_an_encoded_stream_can_be_read_at_once(up: Any, call: Any, encoding: str) -> None:
    up.script("*", hold("middle", message(encoding=encoding), at=1))
    with RawClient(up.url) as line:
        line.request("POST", "/v1/messages", call.headers(), call.body(stream=True))
        up.wait_until_held("middle")
        head = line.answer_head()
        piece = line.chunk()
        up.release("middle")
    decoder: Any = {
        "gzip": lambda: zlib.decompressobj(31),
        "deflate": zlib.decompressobj,
        "zstd": zstd.ZstdDecompressor,
        "br": brotli.Decompressor,
    }[encoding]()
    plain = decoder.process(piece) if encoding == "br" else decoder.decompress(piece)
    assert head.status == 200
    assert plain.startswith(b"event: message_start\n")
    assert plain.endswith(b"}\n\n")


def test_accept_takes_an_encoding_that_the_client_reads(up: Any, call: Any) -> None:
    up.script("*", message(encoding="accept"), forever=True)
    for accepted, expected in (("gzip, deflate", "gzip"), ("gzip, br, zstd", "zstd"), ("identity", None)):
        with RawClient(up.url) as line:
            line.request("POST", "/v1/messages", [*call.headers(), ("accept-encoding", accepted)], call.body())
            assert line.answer().header("content-encoding") == expected


def test_events_are_one_chunk_each(up: Any, call: Any) -> None:
    up.script("*", message(events=50))
    answer = call.post(call.body(stream=True))
    assert all(piece.startswith(b"event: ") and piece.endswith(b"\n\n") for piece in answer.pieces)
    assert sum(b"text_delta" in piece for piece in answer.pieces) == 50


def test_utf8_is_split_inside_characters(up: Any, call: Any) -> None:
    up.script("*", message(text="Größe 🍵", events=1, chunk="split-utf8"))
    answer = call.post(call.body(stream=True))
    assert any(piece[-1] & 0xC0 == 0xC0 for piece in answer.pieces)
    assert "Größe 🍵" in answer.body.decode()


def test_lines_are_split_inside_field_names_and_before_the_empty_line(up: Any, call: Any) -> None:
    up.script("*", message(chunk="split-line"))
    pieces = call.post(call.body(stream=True)).pieces
    assert b"ev" in pieces
    assert b"\n" in pieces
    assert any(left.endswith(b"da") and right.startswith(b"ta:") for left, right in pairwise(pieces))


@pytest.mark.parametrize(("chunk", "longest"), [("bytes:7", 7), ("bytes:1", 1)], ids=["sevens", "ones"])
def test_pieces_have_the_asked_length(up: Any, call: Any, chunk: str, longest: int) -> None:
    up.script("*", message(chunk=chunk, events=2))
    assert max(map(len, call.post(call.body(stream=True)).pieces)) == longest


def test_whole_sends_one_piece(up: Any, call: Any) -> None:
    up.script("*", message(chunk="whole"))
    assert len(call.post(call.body(stream=True)).pieces) == 1


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_every_framing_carries_the_whole_body(up: Any, call: Any, framing: str, stream: bool) -> None:
    up.script("*", message(text="All of it", framing=framing))
    answer = call.post(call.body(stream=stream))
    assert answer.complete
    assert answer.body.rstrip().endswith(b"}")
    assert (answer.header("content-length") is not None) == (framing == "length")
    assert (answer.header("connection") == "close") == (framing == "close")


@pytest.mark.parametrize("step", [cut(3), rst(3)], ids=["fin", "rst"])
def test_stream_breaks_after_the_asked_event(up: Any, call: Any, step: Any) -> None:
    up.script("*", {**step, "gates": {"3": "third"}})
    with RawClient(up.url) as line:
        line.request("POST", "/v1/messages", call.headers(), call.body(stream=True))
        up.wait_until_held("third")
        line.answer_head()
        for name in (b"message_start", b"content_block_start", b"ping"):
            assert name in (line.chunk() or b"")
        up.release("third")
        assert line.chunk() is None
    up.wait_for("ended")
    assert up.requests()[0].answer_body.count(b"event: ") == 3


@pytest.mark.parametrize("step", [rst("request"), cut("request")], ids=["rst", "fin"])
def test_no_head_comes_when_the_end_lies_before_it(up: Any, call: Any, step: Any) -> None:
    up.script("*", step)
    with pytest.raises(ConnectionError):
        call.post()
    assert up.wait_for("ended")
    assert up.requests()[0].status is None


def test_short_body_promises_more_than_it_sends(up: Any, call: Any) -> None:
    up.script("*", short_body())
    answer = call.post()
    assert not answer.complete
    assert 0 < len(answer.body) < int(answer.header("content-length"))


def test_early_end_closes_the_framing_without_message_stop(up: Any, call: Any) -> None:
    up.script("*", early_end(4))
    answer = call.post(call.body(stream=True))
    assert answer.complete
    assert answer.body.count(b"event: ") == 4


@pytest.mark.parametrize("at", ["request", 2], ids=["before head", "mid stream"])
def test_peer_that_leaves_a_silent_exchange_is_noticed(up: Any, call: Any, at: Any) -> None:
    up.script("*", hold("quiet", silent(at), at=at))
    line = RawClient(up.url)
    line.request("POST", "/v1/messages", call.headers(), call.body(stream=True))
    up.wait_until_held("quiet")
    up.release("quiet")
    line.close()
    (point,) = up.wait_until_peer_closed()
    assert point["credential"] == "sk-ant-api03-key"
    assert up.requests()[0].outcome == "peer_closed"


def test_peer_that_resets_while_held_is_noticed(up: Any, call: Any) -> None:
    up.script("*", hold("gate"))
    line = RawClient(up.url)
    line.request("POST", "/v1/messages", call.headers(), call.body())
    up.wait_until_held("gate")
    line.reset()
    assert up.wait_until_peer_closed()


def test_silence_with_an_end_goes_on(up: Any, call: Any) -> None:
    up.script("*", silent(2, for_s=0.01))
    answer = call.post(call.body(stream=True))
    assert b"message_stop" in answer.body


def test_delays_lie_before_head_body_and_events(up: Any, call: Any) -> None:
    up.script("*", message(delay_s=0.01, first_event_delay_s=0.01, event_delay_s=0.001, events=2))
    call.post(call.body(stream=True))
    seen = up.requests()[0]
    assert seen.answered_at - seen.at >= 10
    assert seen.ended_at - seen.answered_at >= 10


def test_gate_lets_through_once_released(up: Any, call: Any) -> None:
    up.release("open")
    up.script("*", hold("open"))
    assert call.post().status == 200


def test_reset_frees_whoever_is_held(up: Any, call: Any) -> None:
    up.script("*", hold("gate"))
    with RawClient(up.url) as line:
        line.request("POST", "/v1/messages", call.headers(), call.body())
        up.wait_until_held("gate")
        up.reset()
        assert line.answer().status == 200


def test_informational_answers_come_first(up: Any, call: Any) -> None:
    up.script("*", message(informational=[103]))
    answer = call.post()
    assert answer.informational == [103]
    assert answer.status == 200


def test_early_answer_does_not_wait_for_the_body(up: Any, call: Any) -> None:
    up.script("*", status(413, early=True))
    with RawClient(up.url) as line:
        line.send(line.head("POST", "/v1/messages", call.headers(), 1_000_000))
        answer = line.answer()
        line.send(b"x" * 1_000_000)
    assert answer.status == 413
    assert answer.header("connection") == "close"


def test_idle_connection_is_closed_at_once(up: Any, call: Any) -> None:
    up.script("*", early_close_of_idle_connection())
    with RawClient(up.url) as line:
        line.request("POST", "/v1/messages", call.headers(), call.body())
        assert line.answer().header("connection") == "keep-alive"
        assert line.is_closed()


def test_idle_connection_dies_on_the_next_request(up: Any, call: Any) -> None:
    up.script("*", early_close_of_idle_connection("on_next"))
    with RawClient(up.url) as line:
        line.request("POST", "/v1/messages", call.headers(), call.body())
        assert line.answer().status == 200
        line.request("POST", "/v1/messages", call.headers(), call.body())
        assert line.is_closed()
    assert [seen.outcome for seen in up.requests()] == ["sent", "stale"]


def test_headers_are_added_and_dropped(up: Any, call: Any) -> None:
    up.script("*", message(headers=[["x-more", "1"], ["x-more", "2"]], drop_headers=["request-id"]))
    answer = call.post()
    assert answer.header("x-more") == "1, 2"
    assert answer.header("request-id") is None


def test_head_request_and_http_1_0_are_framed_right(up: Any, call: Any) -> None:
    with RawClient(up.url) as line:
        line.request("HEAD", "/v1/models", call.headers())
        assert line.answer(bodyless=True).status == 200
        line.request("GET", "/v1/models?limit=1", call.headers())
        assert len(json.loads(line.answer().body)["data"]) == 1
    up.script("*", message())
    with RawClient(up.url) as line:
        old = line.head("POST", "/v1/messages", call.headers(), len(call.body(stream=True))).replace(b"/1.1", b"/1.0")
        line.send(old + call.body(stream=True))
        answer = line.answer()
    assert answer.header("transfer-encoding") is None
    assert b"message_stop" in answer.body
