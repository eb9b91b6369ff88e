"""What sockets can do at once, without the preparations that gevent makes for a wait."""

import _socket
import errno
import os
import select
import socket
import struct
import sys
from functools import cache
from typing import Any


def send_all(sock: Any, data: bytes) -> None:
    """Send everything: at once where the kernel takes it, which saves what gevent's `sendall` prepares for a wait."""
    sent = sock.send(data)
    if sent < len(data):
        sock.sendall(memoryview(data)[sent:])


def send_while_read(sock: Any, data: bytes, within_s: float) -> None:
    """Send everything to a peer that reads, however slowly.

    One that takes nothing for `within_s` is cut off: its connection will be reset, so that nothing of it stays in the
    kernel. Raises BrokenPipeError then.
    """
    sock.settimeout(within_s)
    try:
        sent = sock.send(data)
        while sent < len(data):
            sent += sock.send(memoryview(data)[sent:])
    except TimeoutError as exc:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise BrokenPipeError(errno.EPIPE, "the peer does not read") from exc
    sock.settimeout(None)


def end_reading(sock: Any) -> None:
    """Let whoever reads from a connection come to its end; gevent's own `shutdown` would raise an error in them."""
    twin = _socket.socket(fileno=os.dup(sock.fileno()))
    try:
        twin.shutdown(_socket.SHUT_RD)
    finally:
        twin.close()


def native_poll() -> Any:
    """Return a poll object that asks the kernel at once: gevent's own goes once around the event loop."""
    return _native_poll()()


@cache
def _native_poll() -> Any:
    monkey = sys.modules.get("gevent.monkey")
    return monkey.get_original("select", "poll") if monkey is not None else select.poll
