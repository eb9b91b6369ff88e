"""How answers are written: one write for head and first bytes, no field twice, framing that fits."""

import json
import socket
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config

from app.answers import LastPiece, RelayedResponse, write_refusal
from tests.unit.canaries import CANARY


class Sock:
    """Keeps what is written, one entry a call."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def settimeout(self, within_s: float | None) -> None:
        """It never waits."""

    def send(self, data: bytes) -> int:
        """Take everything."""
        self.writes.append(bytes(data))
        return len(data)


def respond(
    *pieces: bytes,
    headers: list[tuple[str, str]] | None = None,
    status: str = "200 OK",
    method: str = "GET",
    version: tuple[int, int] = (1, 1),
) -> list[bytes]:
    """Answer a request and return what was written."""
    sock = Sock()
    request: Any = SimpleNamespace(version=version, method=method, should_close=lambda: False, headers=[])
    response = RelayedResponse(request, sock, Config())
    response.start_response(status, headers or [])
    for piece in pieces:
        response.write(piece)
    response.close()
    return sock.writes


def fields_of(write: bytes) -> list[str]:
    """Return the lines of a head."""
    return write.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")


def test_head_and_first_bytes_are_one_write() -> None:
    first, *rest = respond(b"ab", b"c", headers=[("content-length", "3")])
    assert first.endswith(b"\r\n\r\nab")
    assert rest == [b"c"]


def test_empty_piece_sends_the_head_alone() -> None:
    first, second, last = respond(b"", b"ab")
    assert first.endswith(b"\r\n\r\n")
    assert (second, last) == (b"2\r\nab\r\n", b"0\r\n\r\n")


def test_body_without_a_length_is_chunked() -> None:
    first, last = respond(b"ab")
    assert "Transfer-Encoding: chunked" in fields_of(first)
    assert (first[-7:], last) == (b"2\r\nab\r\n", b"0\r\n\r\n")


def test_last_piece_takes_the_end_of_the_framing_along() -> None:
    *_, last = respond(b"ab", LastPiece(b"cd"))
    assert last == b"2\r\ncd\r\n0\r\n\r\n"


def test_last_piece_of_a_body_with_a_length_is_like_any_other() -> None:
    first, last = respond(b"ab", LastPiece(b"cd"), headers=[("content-length", "4")])
    assert (first[-2:], last) == (b"ab", b"cd")


@pytest.mark.parametrize(
    "more",
    [{"headers": [("content-length", "2")]}, {"version": (1, 0)}, {"method": "HEAD"}, {"status": "204 No Content"}],
    ids=["length", "http-1.0", "head", "no-content"],
)
def test_other_bodies_are_not(more: dict[str, Any]) -> None:
    writes = respond(b"ab" if "headers" in more or "version" in more else b"", **more)
    assert not any(b"chunked" in write or b"0\r\n\r\n" in write for write in writes)


def test_answer_without_a_body_has_its_head() -> None:
    (only,) = respond(headers=[("content-length", "0")])
    assert fields_of(only)[0] == "HTTP/1.1 200 OK"


def test_date_and_server_of_the_upstream_stand_alone() -> None:
    fields = fields_of(respond(b"x", headers=[("Date", "then"), ("Server", "cloudflare"), ("X", "é")])[0])
    assert [line for line in fields if line.lower().startswith(("date", "server"))] == [
        "Date: then",
        "Server: cloudflare",
    ]
    assert "X: é" in fields


def test_own_answers_have_a_date() -> None:
    fields = fields_of(respond(b"x")[0])
    assert [line for line in fields if line.startswith("Date: ") and line.endswith(" GMT")]


def test_repeated_fields_stay_repeated() -> None:
    fields = fields_of(respond(b"x", headers=[("Set-Cookie", "a"), ("set-cookie", "b")])[0])
    assert fields[-2:] == ["Set-Cookie: a", "set-cookie: b"]


def refusal(status: int, words: str) -> tuple[list[str], Any]:
    """Return the head's lines and the body of what a client gets whose request cannot be read."""
    here, there = socket.socketpair()
    with here, there:
        write_refusal(here, status, "Bad Request", words)
        written = there.recv(65536)
    return fields_of(written), json.loads(written.split(b"\r\n\r\n", 1)[1])


def test_what_is_no_request_is_refused_in_the_shape_of_the_api() -> None:
    head, body = refusal(400, "Invalid HTTP Header: 'CONTENT-LENGTH'")
    assert head[0] == "HTTP/1.1 400 Bad Request"
    assert "Connection: close" in head
    assert f"x-ccflare-request-id: {body['request_id']}" in head
    assert body["type"] == "error"
    assert body["error"] == {"type": "invalid_request_error", "message": "Invalid HTTP Header: 'CONTENT-LENGTH'"}


def test_refusal_without_words_says_its_reason() -> None:
    assert refusal(500, "")[1]["error"] == {"type": "api_error", "message": "Bad Request"}


def test_refusal_repeats_no_credential() -> None:
    body = refusal(400, f"Invalid HTTP header: 'x-api-key sk-ant-api03-{CANARY}'")[1]
    assert CANARY not in body["error"]["message"]
