"""The server with a certificate of its own."""

import ssl
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.fakes.raw import RawClient
from tests.fakes.tls import write_certificate
from tests.fakes.upstream import Upstream, silent
from tests.integration.calls import send
from tests.integration.server import Server, eventually

Secured = Callable[[], RawClient]


@pytest.fixture(scope="module")
def context_and_server(
    upstream_process: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ssl.SSLContext, Server]]:
    cert, key, authority = write_certificate(tmp_path_factory.mktemp("tls"))
    context = ssl.create_default_context(cafile=str(authority))
    files = {"CCFLARE_TLS_CERT": str(cert), "CCFLARE_TLS_KEY": str(key)}
    running = Server(tmp_path_factory.mktemp("server"), upstream_process, workers=1, **files)
    running.add_account("a", "sk-ant-api03-a")

    def is_ready() -> bool:
        try:
            with urllib.request.urlopen(f"https://127.0.0.1:{running.port}/health/ready", context=context) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    running.launch()
    try:
        eventually(is_ready)
        yield context, running
    finally:
        running.stop()


@pytest.fixture
def server(context_and_server: tuple[ssl.SSLContext, Server]) -> Server:
    """A server that speaks TLS."""
    return context_and_server[1]


@pytest.fixture
def secured(context_and_server: tuple[ssl.SSLContext, Server]) -> Iterator[Secured]:
    """Open connections to it under TLS."""
    context, server = context_and_server
    with ExitStack() as stack:

        def make() -> RawClient:
            client = stack.enter_context(server.raw())
            client.sock = context.wrap_socket(client.sock, server_hostname="127.0.0.1")
            return client

        yield make


def test_requests_are_served_under_tls(upstream: Upstream, secured: Secured) -> None:
    client = secured()
    for stream in (False, True):
        send(client, stream=stream)
        answer = client.answer()
        assert (answer.status, answer.complete) == (200, True)
        assert answer.body == upstream.requests()[-1].answer_body


def test_client_that_leaves_is_noticed_under_tls(upstream: Upstream, secured: Secured) -> None:
    upstream.script("*", silent(at=2))
    client = secured()
    send(client, stream=True)
    assert client.answer_head().status == 200
    client.close()
    upstream.wait_until_peer_closed()


def test_what_is_no_tls_costs_one_line(server: Server, secured: Secured, upstream: Upstream) -> None:
    with server.raw() as client:
        client.request("GET", "/health")
        assert client.is_closed()
    send(other := secured())
    assert other.answer().status == 200
    assert "no TLS with 127.0.0.1: HTTP_REQUEST" in eventually(lambda: "no TLS" in server.log() and server.log())
    assert "Traceback" not in server.log()
