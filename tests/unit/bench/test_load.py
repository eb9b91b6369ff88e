"""The load generator knows where an answer ends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.load import Answer, request_bytes
from bench.upstream import WHOLE

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
CLOSING = b"HTTP/1.1 503 Busy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


@given(st.sampled_from([LENGTH, WHOLE["json"], WHOLE["stream"]]), st.lists(st.integers(1, 400), max_size=30))
def test_answer_ends_with_its_last_byte_however_it_is_cut(wire: bytes, cuts: list[int]) -> None:
    answer, at = Answer(), 0
    for size in cuts:
        if at + size >= len(wire):
            break
        assert not answer.feed(wire[at : at + size])
        at += size
    assert answer.feed(wire[at:])
    assert answer.status == 200


def test_closing_answer_is_seen() -> None:
    answer = Answer()
    assert answer.feed(CLOSING)
    assert (answer.status, answer.keeps) == (503, False)


@pytest.mark.parametrize("body_bytes", [40, 80_000], ids=["small", "80KB"])
def test_request_declares_the_length_it_has(body_bytes: int) -> None:
    head, _, body = request_bytes("/v1/messages?case=json", body_bytes, stream=True).partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert len(json.loads(body)["messages"][0]["content"]) == body_bytes
