"""An answer that is held back until its beginning is known."""

import gzip
import zlib
from functools import partial

import brotli
import pytest

from app.errors import UpstreamFailed
from app.proxy.opened import HEAD_BYTES, Opened
from app.values import Headers
from tests.unit.proxy.answers import EVENTS, Canned

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
FIRST = b'event: message_start\ndata: {"type":"message_start"}\n\n'


def test_reading_stops_behind_the_first_event_that_decides() -> None:
    opened = Opened(Canned(PING, FIRST[:9], FIRST[9:], b"more", headers=EVENTS))
    opened.pull_first_event(1)
    assert opened.held == [PING, FIRST[:9], FIRST[9:]]
    assert opened.is_stream
    assert not opened.is_ended


def test_stream_that_ends_before_an_event_is_read_to_its_end() -> None:
    opened = Opened(Canned(PING, headers=EVENTS))
    opened.pull_first_event(1)
    assert (opened.held, opened.is_ended) == ([PING], True)


def test_first_bytes_are_read_if_there_are_any() -> None:
    for pieces in ([b"some", b"more"], [b""], []):
        opened = Opened(Canned(*pieces))
        opened.pull_first_bytes(1)
        assert opened.held == [piece for piece in pieces[:1] if piece]
    with pytest.raises(UpstreamFailed):
        Opened(Canned(breaks=True)).pull_first_bytes(1)


@pytest.mark.parametrize("coding", ["deflate", "made-up"])
def test_head_is_decoded_and_the_held_bytes_stay_as_they_came(coding: str) -> None:
    packed = zlib.compress(b"plain")
    opened = Opened(Canned(packed[:4], packed[4:], headers=(("Content-Encoding", coding),)))
    opened.pull_head()
    assert opened.head == (b"plain" if coding == "deflate" else b"")
    assert b"".join(opened.held) == packed


def test_bytes_that_are_not_what_their_coding_says_are_not_seen() -> None:
    opened = Opened(Canned(b"\xff" * 9, b"more", headers=(("content-encoding", "gzip"),)))
    opened.pull_head()
    assert (opened.head, opened.held) == (b"", [b"\xff" * 9, b"more"])


def test_no_more_than_the_head_is_read_to_judge_a_body() -> None:
    opened = Opened(Canned(*[b"x" * 40_000] * 4))
    opened.pull_head()
    assert len(opened.held) == 2
    assert HEAD_BYTES <= len(opened.head) <= 80_000


def test_body_that_breaks_off_is_judged_by_what_there_is() -> None:
    opened = Opened(Canned(b"some", breaks=True))
    opened.pull_head()
    assert (opened.head, opened.is_ended) == (b"some", False)


def test_whole_body_is_read_or_given_up() -> None:
    opened = Opened(Canned(b"ab", b"cd"))
    opened.pull_all(4)
    assert (opened.held, opened.is_ended) == ([b"ab", b"cd"], True)
    with pytest.raises(UpstreamFailed, match="broke off"):
        Opened(Canned(b"ab", breaks=True)).pull_all(4)
    with pytest.raises(UpstreamFailed, match="larger than 3 bytes"):
        Opened(Canned(b"ab", b"cd")).pull_all(3)


def test_answer_can_be_given_up() -> None:
    answer = Canned(b"ab")
    Opened(answer).close()
    assert answer.is_closed


@pytest.mark.parametrize("headers", [EVENTS, ()], ids=["stream", "error"])
def test_no_more_is_held_of_what_nobody_can_decode(headers: Headers) -> None:
    opened = Opened(Canned(*[b"x" * 40_000] * 4, headers=(*headers, ("content-encoding", "lz4"))))
    (opened.pull_head if not headers else partial(opened.pull_first_event, 1))()
    assert len(opened.held) == 2


def test_bomb_fills_no_more_than_the_head() -> None:
    opened = Opened(Canned(brotli.compress(bytes(50_000_000)), headers=(("content-encoding", "br"),)))
    opened.pull_head()
    assert HEAD_BYTES <= len(opened.head) <= 2 * HEAD_BYTES


@pytest.mark.parametrize("coding", ["", "gzip"])
def test_credential_that_the_upstream_repeats_is_hidden(coding: str) -> None:
    said = b'{"error":{"message":"wrong key plain-secret-key"}}'
    sent = gzip.compress(said) if coding else said
    opened = Opened(Canned(sent, status=401, headers=(("content-encoding", coding),)), "plain-secret-key")
    opened.pull_head()
    assert opened.head == said.replace(b"plain-secret-key", b"*" * 16)
    assert b"".join(opened.held) == (sent if coding else opened.head)


@pytest.mark.parametrize("body", [(), (PING,), (b"<html>log in</html>",), (FIRST[:30],)])
def test_stream_that_ends_before_its_first_event_is_empty(body: tuple[bytes, ...]) -> None:
    opened = Opened(Canned(*body, headers=EVENTS))
    opened.pull_first_event(1)
    assert opened.is_empty_stream


def test_stream_that_nobody_can_decode_is_not_called_empty() -> None:
    opened = Opened(Canned(b"bytes", headers=(*EVENTS, ("content-encoding", "lz4"))))
    opened.pull_first_event(1)
    assert opened.is_ended
    assert not opened.is_empty_stream
