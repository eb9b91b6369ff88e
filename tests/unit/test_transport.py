"""The network, over real sockets: one peer that says what the test tells it to."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest

from app.connections import TransportOptions
from app.errors import UpstreamFailed
from app.transport import Answer, Transport
from app.values import Outbound

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Play = Callable[[socket.socket], None]


class Peer:
    """Plays one script a connection, in order; `heads` are the requests that it read."""

    def __init__(self, plays: "Callable[[Peer], list[Play]]") -> None:
        self.heads: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._plays = plays(self)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        for play in self._plays:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with sock:
                sock.settimeout(5)
                try:
                    play(sock)
                except OSError:
                    continue

    def read(self, sock: socket.socket) -> bytes:
        """Read one request with its body."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += _some(sock)
        head, _, body = data.partition(b"\r\n\r\n")
        self.heads.append(head)
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
        while len(body) < length:
            body += _some(sock)
        return body

    def says(self, *answers: bytes, then: Play | None = None) -> Play:
        """Answer that many requests on one connection, with these bytes."""

        def play(sock: socket.socket) -> None:
            for answer in answers:
                self.read(sock)
                sock.sendall(answer)
            if then is not None:
                then(sock)

        return play


def _some(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise ConnectionError
    return data


@pytest.fixture
def peer() -> Iterator[Callable[..., Peer]]:
    """Make a peer; its scripts are given by a function of it."""
    with ExitStack() as stack:

        def make(plays: Callable[[Peer], list[Play]]) -> Peer:
            return stack.enter_context(Peer(plays))

        yield make


@pytest.fixture
def transport(peer: Callable[..., Peer]) -> Iterator[Transport]:
    """A transport that closes its connections before the peers end."""
    made = Transport(TransportOptions(connect_timeout_s=2))
    yield made
    made.close()


def get(url: str, method: str = "GET", body: bytes = b"") -> Outbound:
    """Return a request."""
    return Outbound(method, url + "/v1/x", (("x-a", "1"),), body)


def whole(answer: Answer) -> bytes:
    """Read a body to its end."""
    pieces = []
    while piece := answer.read():
        pieces.append(piece)
    return b"".join(pieces)


def keep(sock: socket.socket) -> None:
    """Keep the connection until the other side leaves."""
    while sock.recv(1000):
        pass


def test_answers_come_as_they_are(transport: Transport, peer: Callable[..., Peer]) -> None:
    made = peer(lambda p: [p.says(b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 No\r\nX-B: 1\r\n\r\ngone")])
    answer = transport.send(get(made.url))
    assert (answer.status, answer.headers, whole(answer)) == (404, (("X-B", "1"),), b"gone")
    assert made.heads == [b"GET /v1/x HTTP/1.1\r\nhost: " + made.url[7:].encode() + b"\r\nx-a: 1"]


def test_clean_connection_is_used_again(transport: Transport, peer: Callable[..., Peer]) -> None:
    made = peer(lambda p: [p.says(OK, OK, OK, then=keep)])
    for _ in range(3):
        assert whole(transport.send(get(made.url, method="POST", body=b"abc"))) == b"ok"
    assert made.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"HTTP/1.1 200 OK\r\n\r\nsmuggled",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nmore",
    ],
    ids=["close", "http-1.0", "bytes-behind-a-length", "bytes-behind-the-last-chunk"],
)
def test_connection_in_doubt_is_closed(transport: Transport, peer: Callable[..., Peer], answer: bytes) -> None:
    made = peer(lambda p: [p.says(answer, then=keep), p.says(OK, then=keep)])
    for _ in range(2):
        assert whole(transport.send(get(made.url))) == b"ok"
    assert made.connections == 2


def test_given_up_answer_cuts_its_connection(transport: Transport, peer: Callable[..., Peer]) -> None:
    left = threading.Event()

    def notice(sock: socket.socket) -> None:
        keep(sock)
        left.set()

    made = peer(lambda p: [p.says(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\npart", then=notice), p.says(OK)])
    answer = transport.send(get(made.url))
    assert answer.read() == b"part"
    answer.close()
    answer.close()
    assert left.wait(5)
    assert answer.read() == b""
    assert whole(transport.send(get(made.url))) == b"ok"


def test_stale_connection_is_replaced_without_a_word(transport: Transport, peer: Callable[..., Peer]) -> None:
    """The peer closes an idle connection: seen before it is used, or only when the request is under way."""
    closes = threading.Event()

    def close_on_next(sock: socket.socket) -> None:
        closes.set()
        made.read(sock)

    made = peer(lambda p: [p.says(OK), p.says(OK, then=close_on_next), p.says(OK, then=keep)])
    for _ in range(2):
        assert whole(transport.send(get(made.url))) == b"ok"
    assert closes.wait(5)
    assert whole(transport.send(get(made.url))) == b"ok"
    assert made.connections == 3


def test_request_that_may_not_go_twice_goes_over_a_new_connection(
    transport: Transport, peer: Callable[..., Peer]
) -> None:
    made = peer(lambda p: [p.says(OK, then=keep), p.says(b"")])
    assert whole(transport.send(get(made.url))) == b"ok"
    with pytest.raises(UpstreamFailed, match="without an answer"):
        transport.send(get(made.url, method="POST", body=b"abc"), is_repeatable=False)
    assert made.connections == 2


def test_new_connection_that_is_closed_is_a_failure(transport: Transport, peer: Callable[..., Peer]) -> None:
    made = peer(lambda p: [p.says(b""), p.says(OK)])
    with pytest.raises(UpstreamFailed, match="without an answer") as caught:
        transport.send(get(made.url))
    assert (caught.value.phase, caught.value.sent) == ("head", True)
    assert made.connections == 1


@pytest.mark.parametrize(
    "ends", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000, b"\x15\x03\x01" * 9]
)
def test_head_that_is_none_is_a_failure(transport: Transport, peer: Callable[..., Peer], ends: bytes) -> None:
    made = peer(lambda p: [p.says(ends)])
    with pytest.raises(UpstreamFailed) as caught:
        transport.send(get(made.url))
    assert caught.value.phase == "head"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\nzz\r\n",
    ],
    ids=["length", "chunked", "broken-chunk"],
)
def test_body_that_breaks_off_is_a_failure(transport: Transport, peer: Callable[..., Peer], answer: bytes) -> None:
    made = peer(lambda p: [p.says(answer)])
    found = transport.send(get(made.url))
    with pytest.raises(UpstreamFailed) as caught:
        whole(found)
    assert (caught.value.phase, found.is_done) == ("body", True)


def test_answer_that_comes_before_the_body_is_read_counts(transport: Transport, peer: Callable[..., Peer]) -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"

    def refuse(sock: socket.socket) -> None:
        sock.recv(1000)
        sock.sendall(refusal)
        sock.shutdown(socket.SHUT_WR)
        keep(sock)

    made = peer(lambda p: [refuse])
    answer = transport.send(get(made.url, method="POST", body=b"x" * 20_000_000))
    assert (answer.status, whole(answer)) == (413, b"no")


def test_redirect_is_not_followed(transport: Transport, peer: Callable[..., Peer]) -> None:
    made = peer(lambda p: [p.says(b"HTTP/1.1 302 Found\r\nLocation: /else\r\nContent-Length: 0\r\n\r\n")])
    assert transport.send(get(made.url)).status == 302
    assert len(made.heads) == 1


def test_proxy_and_netrc_of_the_environment_are_ignored(
    transport: Transport, peer: Callable[..., Peer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    made = peer(lambda p: [p.says(OK)])
    assert whole(transport.send(get(made.url))) == b"ok"
    assert b"authorization" not in made.heads[0].lower()


def test_configured_proxy_gets_the_whole_url(peer: Callable[..., Peer]) -> None:
    made = peer(lambda p: [p.says(OK)])
    transport = Transport(TransportOptions(proxy=made.url))
    assert whole(transport.send(get("http://upstream.example:81"))) == b"ok"
    transport.close()
    first, host, *_ = made.heads[0].split(b"\r\n")
    assert first == b"GET http://upstream.example:81/v1/x HTTP/1.1"
    assert host == b"host: upstream.example:81"


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "0.0.0.0",
    ],
)
def test_forbidden_address_is_not_connected_to_in_any_spelling(transport: Transport, host: str) -> None:
    with pytest.raises(UpstreamFailed, match="never an upstream") as caught:
        transport.send(get(f"http://{host}:8099"))
    assert (caught.value.phase, caught.value.sent) == ("connect", False)


def test_name_that_leads_to_a_forbidden_address_is_refused(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    with pytest.raises(UpstreamFailed, match="never an upstream"):
        transport.send(get("http://innocent.example"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "127.1"])
def test_private_address_needs_the_setting(host: str) -> None:
    transport = Transport(TransportOptions(connect_timeout_s=2, allow_private=False))
    with pytest.raises(UpstreamFailed, match="CCFLARE_ALLOW_PRIVATE_ENDPOINTS"):
        transport.send(get(f"http://{host}:8099"))


def test_nobody_there_is_a_failure_before_anything_was_sent(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(UpstreamFailed, match="refused") as caught:
        transport.send(get(f"http://127.0.0.1:{port}"))
    assert (caught.value.phase, caught.value.sent) == ("connect", False)
    assert " at 0x" not in caught.value.message
