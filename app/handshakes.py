"""TLS with a client: what goes wrong before a request is one line of the log, and takes no longer than it may."""

import logging
from contextlib import closing
from typing import Any

from gevent import Timeout
from gevent.server import StreamServer

log = logging.getLogger(__name__)

LIMIT_S = 30.0


def shake_hands(server: Any, client: Any, address: Any) -> None:
    """Handle a connection once TLS stands; gevent's own would wait for ever, and print a traceback."""
    try:
        with Timeout(LIMIT_S):
            secured = server.wrap_socket(client, **server.ssl_args)
    except (OSError, Timeout) as exc:
        words = getattr(exc, "reason", None) or getattr(exc, "strerror", None) or f"nothing within {LIMIT_S:g} s"
        log.info("no TLS with %s: %s", address[0] if address else "this machine", words)
        return
    with closing(secured):
        server.handle(secured, address)


def install() -> None:
    """Let this worker's servers shake hands our way."""
    StreamServer.wrap_socket_and_handle = shake_hands  # type: ignore[assignment,method-assign]  # its types want the bound one
