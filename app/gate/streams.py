"""Server-sent events to a page or program that stays: they end when the reader leaves or the worker drains."""

import json
import select
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, request

from app.db import offload
from app.flights import Flights
from app.runtime import runtime
from app.sockets import native_poll

_LOOK_S = 0.25
_BEAT_S = 15.0
_RECONNECT_MS = 500
_GONE = getattr(select, "POLLRDHUP", 0x2000) | select.POLLHUP | select.POLLERR | select.POLLNVAL


@dataclass(frozen=True, slots=True)
class Event:
    """One event: text, or a value that is sent as JSON. `id`: what a reader that comes back names as its last."""

    data: object
    name: str | None = None
    id: str | None = None

    def encoded(self) -> bytes:
        """Return the event as it goes over the wire."""
        text = self.data if isinstance(self.data, str) else json.dumps(self.data, ensure_ascii=False)
        lines = [f"event: {self.name}"] if self.name else []
        if self.id is not None:
            lines.append(f"id: {self.id}")
        lines += [f"data: {line}" for line in text.replace("\r", "").split("\n")]
        return ("\n".join(lines) + "\n\n").encode()


def event_stream(look: Callable[[], Iterable[Event]], close: Callable[[], None] | None = None) -> Response:
    """Answer with a stream of what `look` returns, which is called off the event loop several times a second.

    The view that returns it must run on the event loop (`_cooperative`). `close` is called at the end.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - outlives the request
    pieces = _pieces(app, look, close, runtime().flights, request.environ.get("gunicorn.socket"))
    response = Response(pieces, mimetype="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _pieces(
    app: Flask, look: Callable[[], Iterable[Event]], close: Callable[[], None] | None, flights: Flights, sock: Any
) -> Iterator[bytes]:
    try:
        yield f"retry: {_RECONNECT_MS}\n\n".encode()
        silent_s = 0.0
        while not flights.is_draining:
            with app.app_context():
                found = b"".join(event.encoded() for event in offload(lambda: tuple(look())))
            silent_s += _LOOK_S
            if found or silent_s >= _BEAT_S:
                yield found or b": still here\n\n"
                silent_s = 0.0
            time.sleep(_LOOK_S)
            if _has_left(sock):
                return
        yield Event("the server is about to stop", "bye").encoded()
    finally:
        if close is not None:
            close()


def _has_left(sock: Any) -> bool:
    descriptor = sock.fileno() if sock is not None else None
    if descriptor is None:
        return False
    if descriptor < 0:
        return True
    poll = native_poll()
    poll.register(descriptor, _GONE)
    return bool(poll.poll(0))
