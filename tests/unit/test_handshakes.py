"""A client that speaks no TLS, leaves, or says nothing costs one line of the log and no more."""

import socket
import ssl
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from app import handshakes


class Line:
    """A connection that notes whether it was closed."""

    is_closed = False

    def close(self) -> None:
        """Note it."""
        self.is_closed = True


def shake(wrapped: Any) -> list[Any]:
    """Shake hands over a server whose handshake is `wrapped`; return what was handled."""
    handled: list[Any] = []
    server: Any = SimpleNamespace(
        ssl_args={"ssl_context": "context"}, wrap_socket=wrapped, handle=lambda *given: handled.append(given)
    )
    handshakes.shake_hands(server, "client", ("10.0.0.7", 4711))
    return handled


def test_connection_is_handled_once_tls_stands_and_then_closed() -> None:
    line, asked = Line(), []

    def wrapped(client: object, **options: object) -> Line:
        asked.append((client, options))
        return line

    assert shake(wrapped) == [(line, ("10.0.0.7", 4711))]
    assert asked == [("client", {"ssl_context": "context"})]
    assert line.is_closed


def not_tls() -> ssl.SSLError:
    """Return what a handshake with a client of plain HTTP ends in."""
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"GET / HTTP/1.1\r\n\r\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with pytest.raises(ssl.SSLError) as raised:
            context.wrap_socket(here, server_side=True)
    return raised.value


@pytest.mark.parametrize(
    ("fault", "words"),
    [(not_tls(), "HTTP_REQUEST"), (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer")],
    ids=["no TLS", "reset"],
)
def test_failed_handshake_is_one_line(caplog: pytest.LogCaptureFixture, fault: OSError, words: str) -> None:
    def wrapped(client: object, **options: object) -> Line:
        raise fault

    caplog.set_level("INFO")
    assert shake(wrapped) == []
    assert caplog.messages == [f"no TLS with 10.0.0.7: {words}"]


def test_silent_client_is_left_alone(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshakes, "LIMIT_S", 0.01)

    def wrapped(client: object, **options: object) -> Line:
        gevent.get_hub().switch()
        return Line()

    caplog.set_level("INFO")
    assert shake(wrapped) == []
    assert caplog.messages == ["no TLS with 10.0.0.7: nothing within 0.01 s"]
