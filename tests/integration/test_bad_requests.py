"""What is no proper request gets a clear error or a closed connection, and nobody else is disturbed."""

import json
from collections.abc import Callable, Iterator

import pytest

from tests.fakes.raw import RawClient
from tests.fakes.upstream import Upstream
from tests.integration.calls import HEADERS, ask, body_of, error_of
from tests.integration.installation import Installation
from tests.integration.server import Server

LIMIT = 200_000
BODY = body_of()
SMUGGLED = b"POST /v1/messages/batches HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def server(upstream_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a small limit on bodies."""
    folder = tmp_path_factory.mktemp("server")
    with Server(folder, upstream_process, CCFLARE_MAX_BODY_BYTES=str(LIMIT)) as running:
        yield running


@pytest.fixture(scope="module")
def installation(server: Server) -> Iterator[Installation]:
    with Installation(server) as inside:
        yield inside


@pytest.fixture(scope="module", autouse=True)
def _account(installation: Installation) -> None:
    installation.accounts("a")


@pytest.fixture(autouse=True)
def _others_are_served(server: Server, upstream: Upstream) -> Iterator[None]:
    yield
    assert ask(server).status == 200


def head(*fields: bytes, line: bytes = b"POST /v1/messages HTTP/1.1") -> bytes:
    """Return a request's head with exactly these fields."""
    common = b"Host: localhost\r\nanthropic-version: 2023-06-01\r\nContent-Type: application/json\r\n"
    return line + b"\r\n" + common + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


LENGTH = b"Content-Length: %d" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)

MALFORMED: dict[str, bytes] = {
    "length-and-chunked": head(LENGTH, CHUNKED) + CHUNKS + SMUGGLED,
    "chunked-and-length": head(CHUNKED, b"Content-Length: 3") + CHUNKS + SMUGGLED,
    "two-lengths": head(LENGTH, b"Content-Length: 5") + BODY + SMUGGLED,
    "same-length-twice": head(LENGTH, LENGTH) + BODY + SMUGGLED,
    "length-list": head(b"Content-Length: 5, 5") + BODY,
    "negative-length": head(b"Content-Length: -5") + BODY,
    "signed-length": head(b"Content-Length: +5") + BODY,
    "length-in-words": head(b"Content-Length: five") + BODY,
    "chunked-twice": head(b"Transfer-Encoding: chunked, chunked") + CHUNKS,
    "chunked-not-last": head(b"Transfer-Encoding: chunked, identity") + CHUNKS,
    "coding-unknown": head(b"Transfer-Encoding: xchunked") + CHUNKS,
    "coding-after-tab": head(b"Transfer-Encoding:\tchunked\x0b") + CHUNKS,
    "folded-field": head(b"X-Odd: one\r\n two") + BODY,
    "folded-coding": head(b"Transfer-Encoding:\r\n chunked") + CHUNKS,
    "blank-before-colon": head(b"Content-Length : %d" % len(BODY)) + BODY,
    "field-without-colon": head(b"no colon here") + BODY,
    "nul-in-field": head(b"X-Odd: a\0b", LENGTH) + BODY,
    "bare-line-feed": head(LENGTH + b"\nTransfer-Encoding: chunked") + CHUNKS,
    "field-too-long": head(b"X-Long: " + b"x" * 40_000, LENGTH) + BODY,
    "too-many-fields": head(*(b"X-%d: 1" % number for number in range(300)), LENGTH) + BODY,
    "line-too-long": head(LENGTH, line=b"POST /v1/messages?" + b"x" * 20_000 + b" HTTP/1.1") + BODY,
    "no-http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "words": b"hello, is anybody there?\r\n\r\n",
    "empty-lines": b"\r\n\r\n\r\n\r\n",
    "version-2": head(LENGTH, line=b"POST /v1/messages HTTP/2.0") + BODY,
    "target-with-blank": head(LENGTH, line=b"POST /v1/mess ages HTTP/1.1") + BODY,
    "method-with-brackets": head(LENGTH, line=b"P(ST /v1/messages HTTP/1.1") + BODY,
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_malformed_request_is_refused_or_cut(raw: Callable[[], RawClient], upstream: Upstream, sent: bytes) -> None:
    client = raw()
    try:
        client.send(sent)
        client.half_close()
        answer = client.answer()
    except TimeoutError:
        raise
    except OSError:
        pass  # Cut, perhaps in the middle of the refusal.
    else:
        assert 400 <= answer.status <= 501, answer
        assert json.loads(answer.body)["type"] == "error", answer
        assert answer.header("x-ccflare-request-id"), answer
        assert client.is_closed(), "nothing behind it is taken for a request"
    assert upstream.requests() == []


BAD_CHUNKS: dict[str, bytes] = {
    "size-in-words": b"zz\r\n" + BODY,
    "negative-size": b"-1\r\n" + BODY,
    "size-with-prefix": b"0x10\r\n" + BODY,
    "huge-size": b"f" * 20 + b"\r\n" + BODY,
    "size-too-small": b"5\r\n" + BODY + b"\r\n0\r\n\r\n",
    "no-size": b"\r\n\r\n",
    "cut-off": b"%x\r\n" % (len(BODY) + 10) + BODY,
    "no-last-chunk": b"%x\r\n%b\r\n" % (len(BODY), BODY),
}


@pytest.mark.parametrize("sent", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
def test_bad_chunks_are_refused_and_never_forwarded(
    raw: Callable[[], RawClient], upstream: Upstream, sent: bytes
) -> None:
    client = raw()
    client.send(head(CHUNKED) + sent)
    client.half_close()
    try:
        assert error_of(client.answer())[:2] == (400, "invalid_request_error")
    except ConnectionError:
        pass  # Taken for a client that left, which by then is as good.
    assert client.is_closed()
    assert upstream.requests() == []


def test_body_shorter_than_it_says_is_never_forwarded(
    raw: Callable[[], RawClient], installation: Installation, upstream: Upstream
) -> None:
    client = raw()
    client.send(head(b"Content-Length: %d" % (len(BODY) + 1), line=b"POST /v1/short HTTP/1.1") + BODY)
    client.half_close()
    assert client.is_closed() or error_of(client.answer())[0] == 400
    record = installation.final("SELECT * FROM requests WHERE path = '/v1/short'")
    assert record["outcome"] in ("client_gone", "refused")
    assert upstream.requests() == []


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_body_at_the_limit_goes_through_and_beyond_it_does_not(
    raw: Callable[[], RawClient], upstream: Upstream, chunked: bool
) -> None:
    frame = len(body_of(""))
    for size, status in ((LIMIT, 200), (LIMIT + 1, 413)):
        body, client = body_of("x" * (size - frame)), raw()
        assert len(body) == size
        if chunked:
            client.send(head(CHUNKED) + b"%x\r\n%b\r\n0\r\n\r\n" % (size, body))
        else:
            client.send(head(b"Content-Length: %d" % size) + body)
        answer = client.answer()
        assert answer.status == status
        if status == 413:
            assert error_of(answer)[1] == "request_too_large"
    assert [len(seen.body) for seen in upstream.requests()] == [LIMIT]


def test_too_large_body_is_refused_by_its_announcement(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    client = raw()
    client.send(client.head("POST", "/v1/messages", [*HEADERS, ("Expect", "100-continue")], LIMIT + 1))
    answer = client.answer()
    assert error_of(answer)[:2] == (413, "request_too_large")
    assert upstream.requests() == []


def test_rest_of_a_refused_body_is_no_request(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    client = raw()
    client.send(head(b"Content-Length: %d" % (LIMIT + 5000)) + SMUGGLED * 20)
    assert client.answer().status == 413
    try:
        client.send(SMUGGLED)
        client.half_close()
        while not client.is_closed():
            assert client.answer().status == 413
    except OSError:
        pass
    assert [seen.path for seen in upstream.requests()] == []


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_method_that_tells_of_the_way_is_refused(raw: Callable[[], RawClient], upstream: Upstream, method: str) -> None:
    client = raw()
    client.request(method, "/v1/messages", HEADERS)
    assert error_of(client.answer())[:2] == (405, "invalid_request_error")
    assert upstream.requests() == []


def test_any_other_method_is_the_upstreams_to_judge(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    client = raw()
    client.request("PROPFIND", "/v1/messages", HEADERS)
    answer = client.answer()
    (seen,) = upstream.requests()
    assert (seen.method, answer.status, answer.body) == ("PROPFIND", 405, seen.answer_body)
