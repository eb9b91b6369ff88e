"""Opening connections: TLS with the right authorities, and failures in plain words."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.connections import Adapter, ConnectFailed, TransportOptions
from tests.fakes.upstream import Upstream


@pytest.fixture(scope="module")
def secure() -> Iterator[Upstream]:
    """An upstream with a certificate of its own authority."""
    with Upstream(tls=True) as up:
        yield up


def test_tls_is_spoken_with_the_given_authority(secure: Upstream) -> None:
    sock = Adapter(TransportOptions(ca_file=secure.ca_file)).opener(secure.url)()
    with sock:
        sock.sendall(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 401")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_unknown_authority_is_refused(secure: Upstream) -> None:
    with pytest.raises(ConnectFailed, match=r"(?i)certificate verify failed"):
        Adapter(TransportOptions()).opener(secure.url)()


def test_authorities_of_the_environment_do_not_count(
    secure: Upstream, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(secure.ca_file))
    with pytest.raises(ConnectFailed, match=r"(?i)certificate"):
        Adapter(TransportOptions()).opener(secure.url)()


def test_certificate_of_another_name_is_refused(secure: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    port = int(secure.url.rpartition(":")[2])
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    with pytest.raises(ConnectFailed, match=r"(?i)match|mismatch|valid for"):
        Adapter(TransportOptions(ca_file=secure.ca_file)).opener(f"https://other.example:{port}")()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_peer_that_does_not_answer_is_given_up(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for one in fillers:
            one.setblocking(False)
            one.connect_ex(address)
        try:
            with pytest.raises(ConnectFailed, match=r"(?i)timed out|time-?out"):
                Adapter(TransportOptions(connect_timeout_s=0.2)).opener(f"{scheme}://127.0.0.1:{address[1]}")()
        finally:
            for one in fillers:
                one.close()


def test_failure_tells_no_addresses_of_objects() -> None:
    with pytest.raises(ConnectFailed) as caught:
        Adapter(TransportOptions(connect_timeout_s=1)).opener("http://no-such-name.invalid:80")()
    assert "0x" not in str(caught.value)
