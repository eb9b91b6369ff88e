"""What a client of another shape gets to see of an answer."""

import json
import zlib

import pytest

from app.errors import UpstreamFailed
from app.providers.openai_wire.exchange import Exchange, exchange, listing
from app.proxy.opened import Opened
from app.proxy.shown import headers_down, shown
from app.values import Headers, folded
from tests.unit.proxy.answers import CHUNK, COMPLETION, DONE, EVENTS, FINISH, JSON, opened


def asked(*, stream: bool = False) -> Exchange:
    body = {"max_tokens": 5, "messages": [{"role": "user", "content": "hi"}], "stream": stream, "container": "c"}
    made = exchange("/v1/messages", json.dumps(body).encode(), "gpt", "openai")
    assert made is not None
    return made


def test_whole_answer_is_translated() -> None:
    made = shown(opened(COMPLETION[:9], COMPLETION[9:]), asked())
    assert (made.status, made.content_type, made.translator) == (200, "application/json", None)
    assert json.loads(made.body)["content"] == [{"type": "text", "text": "Hi"}]
    assert made.losses == ("container", "usage: not reported by the upstream, shown as 0")


def test_encoded_answer_is_undone() -> None:
    headers: Headers = (*JSON, ("content-encoding", "deflate"))
    made = shown(opened(zlib.compress(COMPLETION), headers=headers), asked())
    assert json.loads(made.body)["content"][0]["text"] == "Hi"


def test_stream_is_translated_as_it_comes() -> None:
    held = opened(CHUNK, FINISH, DONE, headers=EVENTS)
    made = shown(held, asked(stream=True))
    assert (made.content_type, made.body, held.held) == ("text/event-stream; charset=utf-8", b"", [])
    assert made.translator is not None
    assert b"message_start" in made.translator.feed(CHUNK)


def test_stream_that_came_as_a_body_is_one_all_the_same() -> None:
    made = shown(opened(COMPLETION), asked(stream=True))
    assert (made.content_type, made.translator) == ("text/event-stream; charset=utf-8", None)
    assert made.body.count(b"event: message_stop") == 1
    assert b'"text":"Hi"' in made.body


@pytest.mark.parametrize(
    ("status", "body", "seen"),
    [
        (429, b'{"error":{"message":"slow"}}', (429, "rate_limit_error")),
        (502, b"<html>", (502, "api_error")),
        (200, b'{"error":{"message":"slow","code":429}}', (429, "rate_limit_error")),
        (200, b'{"error":{"message":"?"}}', (500, "api_error")),
    ],
)
def test_error_is_told_in_the_shape_of_the_client(status: int, body: bytes, seen: tuple[int, str]) -> None:
    made = shown(opened(body, status=status), asked())
    assert (made.status, json.loads(made.body)["error"]["type"]) == seen


@pytest.mark.parametrize(
    "answer",
    [
        opened(b"{}"),
        opened(b"<html>"),
        opened(COMPLETION[:9], breaks=True),
        opened(b"x", headers=(*JSON, ("content-encoding", "gzip"))),
        opened(b"x", headers=(*EVENTS, ("content-encoding", "made-up"))),
    ],
    ids=["no choice", "no JSON", "cut", "not gzip", "unknown coding"],
)
def test_answer_that_cannot_be_shown_is_a_fault_of_the_upstream(answer: Opened) -> None:
    with pytest.raises(UpstreamFailed):
        shown(answer, asked())


def test_answer_beyond_all_bounds_is_given_up() -> None:
    with pytest.raises(UpstreamFailed, match="larger than 5 bytes"):
        opened(b"abc", b"def").pull_all(5)


def test_listing_is_translated() -> None:
    made = listing("/v1/models", "anthropic", "openai")
    assert made is not None
    assert json.loads(shown(opened(b'{"data":[{"id":"gpt"}]}'), made).body)["first_id"] == "gpt"


def test_headers_that_speak_of_other_bytes_are_replaced() -> None:
    came: Headers = (
        ("Content-Type", "text/plain"),
        ("Content-Length", "9"),
        ("content-encoding", "gzip"),
        ("ETag", "x"),
        ("X-Request-Id", "r1"),
        ("set-cookie", "a"),
        ("set-cookie", "b"),
    )
    down = headers_down(came, shown(opened(COMPLETION), asked()))
    assert [value for name, value in down if name == "set-cookie"] == ["a", "b"]
    told = folded(down)
    assert (told["content-type"], told["request-id"], told["x-request-id"]) == ("application/json", "r1", "r1")
    assert "content-encoding" not in told
    assert "etag" not in told
    assert int(told["content-length"]) > 9


def test_stream_has_no_length() -> None:
    made = shown(opened(CHUNK, headers=EVENTS), asked(stream=True))
    assert folded(headers_down(EVENTS, made)) == {"content-type": "text/event-stream; charset=utf-8"}
