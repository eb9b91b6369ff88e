"""A whole answer within a time limit: for the few calls of our own, to token, key and usage endpoints."""

import threading
from dataclasses import dataclass, field, replace

from app.db import is_cooperative
from app.errors import UpstreamFailed
from app.transport import Transport
from app.values import Headers, Outbound

_CLOSE = ("connection", "close")


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer that was read to its end."""

    status: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)


def fetch(transport: Transport, outbound: Outbound, timeout_s: float, max_bytes: int = 1 << 20) -> Fetched:
    """Send a request and return its whole answer. Its connection is closed behind it.

    Raises UpstreamFailed: phase `connect` (nothing was sent), `head`, `body`, `size` when the body is larger than
    `max_bytes`, or `timeout`, where nobody knows how far it came.
    """
    request = replace(outbound, headers=(*outbound.headers, _CLOSE))
    overdue = UpstreamFailed(f"no answer within {timeout_s:g} s", phase="timeout", sent=True)
    if not is_cooperative():
        return _on_a_thread(transport, request, timeout_s, max_bytes, overdue)
    import gevent  # noqa: PLC0415 - the command line does without it

    with gevent.Timeout(timeout_s, overdue):
        return _whole(transport, request, max_bytes)


def _whole(transport: Transport, request: Outbound, max_bytes: int) -> Fetched:
    answer = transport.send(request)
    try:
        body = bytearray()
        while piece := answer.read():
            body += piece
            if len(body) > max_bytes:
                raise UpstreamFailed(f"an answer of more than {max_bytes} bytes", phase="size", sent=True)
        return Fetched(answer.status, answer.headers, bytes(body))
    finally:
        answer.close()


def _on_a_thread(
    transport: Transport, request: Outbound, timeout_s: float, max_bytes: int, overdue: UpstreamFailed
) -> Fetched:
    """Bound the wait where no event loop does; a thread that is overdue is left to its socket."""
    done: list[Fetched] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            done.append(_whole(transport, request, max_bytes))
        except Exception as exc:  # noqa: BLE001 - raised again by the caller
            failed.append(exc)

    thread = threading.Thread(target=run, name="fetch", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if done:
        return done[0]
    raise failed[0] if failed else overdue
