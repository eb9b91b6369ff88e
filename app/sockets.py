"""Two things that sockets can do at once, without the preparations that gevent makes for a wait."""

import select
import sys
from functools import cache
from typing import Any


def send_all(sock: Any, data: bytes) -> None:
    """Send everything: at once where the kernel takes it, which saves what gevent's `sendall` prepares for a wait."""
    sent = sock.send(data)
    if sent < len(data):
        sock.sendall(memoryview(data)[sent:])


def native_poll() -> Any:
    """Return a poll object that asks the kernel at once: gevent's own goes once around the event loop."""
    return _native_poll()()


@cache
def _native_poll() -> Any:
    monkey = sys.modules.get("gevent.monkey")
    return monkey.get_original("select", "poll") if monkey is not None else select.poll
