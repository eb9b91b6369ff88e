"""What the fake reads: heads, bodies of every framing, pipelining, rubbish."""

from typing import Any

import pytest

from tests.fakes.raw import RawClient
from tests.fakes.wire import BadRequest, parse_head


def test_request_is_recorded_exactly_as_it_came(up: Any, call: Any) -> None:
    headers = [*call.headers(), ("X-Odd-CASE", "a"), ("x-odd-case", "b")]
    body = b'{ "model":"m", "max_tokens":1,  "messages":[{"role":"user","content":"\xc3\xbc"}]}'
    with RawClient(up.url) as line:
        head = line.head("POST", "/v1/messages?beta=true&x=%2F", headers, len(body))
        line.send(head + body)
        line.answer()
    (seen,) = up.requests("sk-ant-api03-key", "/v1/messages")
    assert seen.head == head
    assert seen.body == body
    assert seen.target == "/v1/messages?beta=true&x=%2F"
    assert seen.header("x-odd-case") == "a, b"
    assert ("X-Odd-CASE", "a") in seen.headers


def test_answer_is_recorded_as_it_went_out(up: Any, call: Any) -> None:
    answer = call.post(call.body(stream=True))
    (seen,) = up.requests()
    assert seen.answer_body == answer.body
    assert seen.answer_head == answer.head


def test_chunked_body_is_joined(up: Any, call: Any) -> None:
    body = call.body()
    with RawClient(up.url) as line:
        line.send(line.head("POST", "/v1/messages", [*call.headers(), ("transfer-encoding", "chunked")]))
        for part in (body[:5], body[5:]):
            line.send(b"%x\r\n%b\r\n" % (len(part), part))
        line.send(b"0\r\n\r\n")
        assert line.answer().status == 200
    assert up.requests()[0].body == body


def test_expect_gets_its_100(up: Any, call: Any) -> None:
    body = call.body()
    with RawClient(up.url) as line:
        line.send(line.head("POST", "/v1/messages", [*call.headers(), ("expect", "100-continue")], len(body)))
        assert line.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100")
        line.send(body)
        assert line.answer().status == 200


def test_connection_is_kept_and_numbered(up: Any, call: Any) -> None:
    with RawClient(up.url) as line:
        for _ in range(2):
            line.request("POST", "/v1/messages", call.headers(), call.body())
            line.answer()
    call.post()
    first, second, third = up.requests()
    assert first.connection == second.connection != third.connection


def test_pipelined_requests_are_answered_in_order(up: Any, call: Any) -> None:
    with RawClient(up.url) as line:
        one = line.head("GET", "/v1/models?limit=1", call.headers())
        two = line.head("GET", "/v1/nothing", call.headers())
        line.send(one + two)
        assert [line.answer().status, line.answer().status] == [200, 404]


def test_cut_body_is_no_request(up: Any, call: Any) -> None:
    with RawClient(up.url) as line:
        line.send(line.head("POST", "/v1/messages", call.headers(), 100) + b"{")
    up.wait_for("connection_closed")
    assert up.requests() == []


def test_rubbish_is_400(up: Any) -> None:
    with RawClient(up.url) as line:
        line.send(b"\x16\x03\x01 hello\r\n\r\n")
        assert line.answer().status == 400


@pytest.mark.parametrize(
    "head", [b"GET /\r\n\r\n", b"GET / HTTP/2\r\n\r\n", b"\r\n\r\n"], ids=["short", "http2", "empty"]
)
def test_bad_first_line_is_refused(head: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_head(head, 0)
