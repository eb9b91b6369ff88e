"""Sending and polling at once."""

import select
import socket
from collections import deque

import pytest

from app.sockets import end_reading, native_poll, send_all, send_while_read


class Narrow:
    """Takes a few bytes at once, the rest when asked for all."""

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.taken = b""

    def send(self, data: bytes) -> int:
        """Take the beginning."""
        self.taken += data[: self.takes]
        return min(self.takes, len(data))

    def settimeout(self, within_s: float | None) -> None:
        """It never waits."""

    def sendall(self, data: memoryview) -> None:
        """Take the rest."""
        self.taken += bytes(data)


def test_everything_is_sent_however_little_goes_at_once() -> None:
    for takes in (0, 1, 3, 10, 99):
        sock = Narrow(takes)
        send_all(sock, b"0123456789")
        assert sock.taken == b"0123456789"


def test_everything_is_sent_to_a_peer_that_reads_slowly() -> None:
    for takes in (1, 3, 10, 99):
        sock = Narrow(takes)
        send_while_read(sock, b"0123456789", 5)
        assert sock.taken == b"0123456789"


def test_peer_that_does_not_read_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    with theirs:
        with ours, pytest.raises(BrokenPipeError):
            send_while_read(ours, b"x" * 20_000_000, 0.05)
        with pytest.raises(ConnectionResetError):
            deque(iter(lambda: theirs.recv(1_000_000), b""), maxlen=0)


def test_poll_asks_the_kernel() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        poll = native_poll()
        poll.register(ours.fileno(), select.POLLIN)
        assert poll.poll(0) == []
        theirs.sendall(b"x")
        assert [event & select.POLLIN for _, event in poll.poll(1000)] == [select.POLLIN]


def test_reader_finds_the_end_and_the_writer_goes_on() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"came before")
        end_reading(ours)
        assert ours.recv(100) == b"came before"
        assert ours.recv(100) == b""
        ours.sendall(b"still")
        assert theirs.recv(100) == b"still"
