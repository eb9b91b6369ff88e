"""The client connections of one worker: only those that wait for a next request are closed."""

import socket
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from app.lines import Lines


class Worker:
    """Serves one line as gunicorn's worker does: a request, what the test does meanwhile, another request."""

    def __init__(self, *between: Callable[[], None], path: str = "/v1/messages") -> None:
        self.between = between
        self.path = path
        self.during: Callable[[], None] = lambda: None

    def handle(self, _listener: Any, client: Any, address: Any) -> None:
        for look in self.between:
            self.handle_request("name", SimpleNamespace(path=self.path), client, address)
            look()

    def handle_request(self, _listener: Any, _request: Any, _client: Any, _address: Any) -> None:
        self.during()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()


def is_ended(sock: socket.socket) -> bool:
    """Whether reading has come to an end."""
    try:
        return sock.recv(100) == b""
    except BlockingIOError:
        return False


def serve(worker: Worker, lines: Lines, sock: socket.socket) -> None:
    """Let the worker serve one line."""
    lines.attach(worker)
    worker.handle("listener", sock, ("127.0.0.1", 1))


def test_idle_line_is_closed(ends: tuple[socket.socket, socket.socket]) -> None:
    lines = Lines()
    serve(Worker(lines.close_idle), lines, ends[0])
    assert is_ended(ends[0])


def test_line_with_a_running_request_stays(ends: tuple[socket.socket, socket.socket]) -> None:
    lines = Lines()
    worker = Worker(lambda: None)
    worker.during = lines.close_idle
    serve(worker, lines, ends[0])
    assert not is_ended(ends[0])


def test_line_whose_last_request_is_excepted_stays(ends: tuple[socket.socket, socket.socket]) -> None:
    lines = Lines()
    serve(Worker(lambda: lines.close_idle(("/health",)), path="/health"), lines, ends[0])
    assert not is_ended(ends[0])


def test_request_that_has_come_is_still_read(ends: tuple[socket.socket, socket.socket]) -> None:
    lines = Lines()
    ends[1].sendall(b"GET / HTTP/1.1\r\n\r\n")
    serve(Worker(lines.close_idle), lines, ends[0])
    assert ends[0].recv(100).startswith(b"GET /")
    assert is_ended(ends[0])


def test_line_that_ended_is_forgotten(ends: tuple[socket.socket, socket.socket]) -> None:
    lines = Lines()
    worker = Worker(lambda: None)

    def fail(*_: object) -> None:
        raise ConnectionResetError

    worker.handle_request = fail  # type: ignore[method-assign]
    with pytest.raises(ConnectionResetError):
        serve(worker, lines, ends[0])
    lines.close_idle()
    assert not is_ended(ends[0])


def test_line_that_the_client_has_closed_does_no_harm(ends: tuple[socket.socket, socket.socket]) -> None:
    lines = Lines()

    def close() -> None:
        ends[0].close()
        lines.close_idle()

    serve(Worker(close), lines, ends[0])
