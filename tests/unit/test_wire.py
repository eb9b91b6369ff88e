"""HTTP/1.1 towards upstreams: heads written and read, bodies without their framing, however they are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.values import Headers
from app.wire import BodyReader, WireError, parse_head, request_head

BODY = st.binary(max_size=300)
CUTS = st.lists(st.integers(0, 800), max_size=12)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Return the data in pieces, cut at these places."""
    edges = [0, *sorted({place for place in places if 0 < place < len(data)}), len(data)]
    return [data[start:stop] for start, stop in pairwise(edges)]


def read(reader: BodyReader, pieces: list[bytes]) -> bytes:
    """Return what comes out of a reader."""
    return b"".join([reader.feed(piece) for piece in pieces])


def answer_head(*fields: str, first: str = "HTTP/1.1 200 OK") -> bytes:
    """Return a head as it is handed to the parser."""
    return "\r\n".join((first, *fields)).encode("latin-1")


def test_request_head_is_written_as_it_is() -> None:
    headers = (("X-One", "1"), ("x-one", "zwei é"), ("accept", "*/*"))
    assert request_head("POST", "/v1/a?b=%2F", "host:1", headers, 5) == (
        "POST /v1/a?b=%2F HTTP/1.1\r\nhost: host:1\r\nX-One: 1\r\nx-one: zwei é\r\naccept: */*\r\n"
        "content-length: 5\r\n\r\n"
    ).encode("latin-1")


@pytest.mark.parametrize(
    ("method", "length", "says"),
    [("GET", 0, False), ("DELETE", 0, False), ("DELETE", 3, True), ("POST", 0, True), ("PUT", 0, True)],
)
def test_request_head_tells_the_length_where_one_is_expected(method: str, length: int, says: bool) -> None:
    assert (b"content-length: %d\r\n" % length in request_head(method, "/", "h", (), length)) is says


@pytest.mark.parametrize("bad", ["a\r\nb: c", "a\nb", "a\rb", "a\0b"])
@pytest.mark.parametrize("length", [0, 7])
def test_line_break_in_a_request_is_refused(bad: str, length: int) -> None:
    for method, target, headers in (
        ("GET", "/", (("x", bad),)),
        ("GET", "/", ((bad, "x"),)),
        ("GET", "/" + bad, ()),
        ("GET" + bad, "/", ()),
    ):
        with pytest.raises(ValueError, match="line break or NUL"):
            request_head(method, target, "h", headers, length)


def test_answer_head_keeps_order_case_and_repeats() -> None:
    status, headers, is_http10 = parse_head(
        answer_head("Set-Cookie: a=1", "X-ODD:  two words\t", "set-cookie: b", "E:")
    )
    assert (status, is_http10) == (200, False)
    assert headers == (("Set-Cookie", "a=1"), ("X-ODD", "two words"), ("set-cookie", "b"), ("E", ""))


@pytest.mark.parametrize(
    ("first", "status", "is_http10"),
    [("HTTP/1.1 200", 200, False), ("HTTP/1.0 404 Not Found", 404, True), ("HTTP/1.1 529 Over loaded", 529, False)],
)
def test_first_line_is_read(first: str, status: int, is_http10: bool) -> None:
    assert parse_head(answer_head(first=first)) == (status, (), is_http10)


def test_folded_field_is_one_value() -> None:
    assert parse_head(answer_head("X: one", " two", "\tthree"))[1] == (("X", "one two three"),)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/2 200 OK",
        b"SSH-2.0-OpenSSH",
        b"HTTP/1.1",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2x0 OK",
        b"HTTP/1.1 \xb2\xb2\xb2 OK",
        b"HTTP/1.1 200 OK\r\nno colon",
        b"HTTP/1.1 200 OK\r\n: no name",
        b"HTTP/1.1 200 OK\r\nname : blank",
        b"HTTP/1.1 200 OK\r\nna me: blank",
        b"HTTP/1.1 200 OK\r\nn\xe4me: x",
        b'HTTP/1.1 200 OK\r\n"name": x',
        b"HTTP/1.1 200 OK\r\n folded: first",
        b"HTTP/1.1 200 OK\r\nname: a\0b",
        b"HTTP/1.1 200 OK\r\nname: a\x1bb",
        b"HTTP/1.1 200 OK\r\nname: a\nother: b",
        b"HTTP/1.1 200 OK\r\nname: a\rother: b",
    ],
)
def test_head_that_is_none_is_refused(head: bytes) -> None:
    with pytest.raises(WireError):
        parse_head(head)


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_read_and_nothing_else(head: bytes) -> None:
    try:
        status, _, _ = parse_head(head)
    except WireError:
        return
    assert 0 <= status <= 999


@given(body=BODY, cuts=CUTS, extra=st.binary(max_size=5))
def test_body_of_a_length_is_the_same_however_it_comes(body: bytes, cuts: list[int], extra: bytes) -> None:
    reader = BodyReader("GET", 200, (("Content-Length", str(len(body))),))
    assert read(reader, cut(body, cuts) if body else []) == body
    assert reader.is_complete
    assert reader.may_reuse
    if body and extra:
        reader = BodyReader("GET", 200, (("Content-Length", str(len(body))),))
        assert reader.feed(body + extra) == body
        assert not reader.may_reuse, "what is behind it belongs to nobody"


@given(pieces=st.lists(st.binary(min_size=1, max_size=80), max_size=6), cuts=CUTS, data=st.data())
def test_chunked_body_is_the_same_however_it_comes(pieces: list[bytes], cuts: list[int], data: st.DataObject) -> None:
    extension = data.draw(st.sampled_from([b"", b";x=1", b' ; name="a b"']))
    trailers = data.draw(st.sampled_from([b"", b"X-Sum: 1\r\n", b"A: 1\r\nB: 2\r\n"]))
    wire = b"".join(b"%X%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces)
    wire += b"0\r\n" + trailers + b"\r\n"
    reader = BodyReader("GET", 200, (("transfer-encoding", "Chunked"),))
    assert read(reader, cut(wire, cuts)) == b"".join(pieces)
    assert reader.is_complete
    assert reader.may_reuse


@given(body=BODY, cuts=CUTS)
def test_body_without_framing_lasts_until_the_end(body: bytes, cuts: list[int]) -> None:
    reader = BodyReader("GET", 200, ())
    assert read(reader, cut(body, cuts) if body else []) == body
    assert not reader.is_complete
    reader.feed_eof()
    assert reader.is_complete
    assert not reader.may_reuse


@given(body=st.binary(min_size=1, max_size=50), data=st.data())
def test_cut_body_is_no_whole_one(body: bytes, data: st.DataObject) -> None:
    framings: list[tuple[Headers, bytes]] = [
        ((("content-length", str(len(body))),), body),
        ((("transfer-encoding", "chunked"),), b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)),
    ]
    headers, wire = data.draw(st.sampled_from(framings))
    reader = BodyReader("GET", 200, headers)
    reader.feed(wire[: data.draw(st.integers(0, len(wire) - 1))])
    with pytest.raises(WireError, match="before the end"):
        reader.feed_eof()


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)], ids=["head", "no-content", "not-modified"]
)
def test_answer_without_a_body_is_whole_at_once(method: str, status: int) -> None:
    reader = BodyReader(method, status, (("content-length", "99"),))
    assert reader.is_complete
    assert reader.may_reuse


@pytest.mark.parametrize(
    "headers",
    [
        (("content-length", "-1"),),
        (("content-length", "+1"),),
        (("content-length", "9" * 5000),),
        (("content-length", "1, 1"),),
        (("content-length", "1"), ("Content-Length", "2")),
        (("content-length", ""),),
        (("content-length", "\u0663"),),
        (("content-length", "5"), ("transfer-encoding", "chunked")),
        (("transfer-encoding", "gzip, chunked"),),
        (("transfer-encoding", "chunked, gzip"),),
        (("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")),
        (("transfer-encoding", "xchunked"),),
    ],
)
def test_framing_that_can_be_read_in_two_ways_is_refused(headers: Headers) -> None:
    with pytest.raises(WireError):
        BodyReader("GET", 200, headers)


@pytest.mark.parametrize(
    "wire",
    [
        b"zz\r\n",
        b"-1\r\n",
        b"0x5\r\nhello\r\n",
        b"\r\n\r\n",
        b"f" * 16 + b"\r\n",
        b"5\nhello\n0\n\n\r\n",
        b"5\r\nhello!\r\n0\r\n\r\n",
        b"5\r\nhell\r\n0\r\n\r\n",
        b"1;" + b"x" * 5000,
    ],
)
@pytest.mark.parametrize("step", [1, 3, 10_000])
def test_broken_chunks_are_refused(wire: bytes, step: int) -> None:
    reader = BodyReader("GET", 200, (("transfer-encoding", "chunked"),))
    with pytest.raises(WireError):
        read(reader, [wire[at : at + step] for at in range(0, len(wire), step)])


def test_bytes_behind_the_last_chunk_spoil_the_connection() -> None:
    reader = BodyReader("GET", 200, (("transfer-encoding", "chunked"),))
    assert reader.feed(b"1\r\na\r\n0\r\n\r\nHTTP/1.1 200") == b"a"
    assert (reader.is_complete, reader.may_reuse) == (True, False)


@pytest.mark.parametrize(
    ("headers", "is_http10"), [((("connection", "Close"),), False), ((), True)], ids=["close", "http-1.0"]
)
def test_connection_that_closes_is_not_used_again(headers: Headers, is_http10: bool) -> None:
    reader = BodyReader("GET", 200, (("content-length", "0"), *headers), is_http10)
    assert (reader.is_complete, reader.may_reuse) == (True, False)


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_no_chunks_make_the_reader_raise_anything_else(pieces: list[bytes]) -> None:
    reader = BodyReader("GET", 200, (("transfer-encoding", "chunked"),))
    try:
        read(reader, pieces)
    except WireError:
        return
