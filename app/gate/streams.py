"""Server-sent events to a page or program that stays: they end when the reader leaves or the worker drains."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, request

from app.access import sessions
from app.access.keys import KeyTable, presented
from app.db import offload
from app.errors import NotAuthenticated
from app.gate.rules import least
from app.gate.visitors import own_cookie, visitor
from app.runtime import runtime

_LOOK_S = 0.25
_BEAT_S = 15.0
_RECONNECT_MS = 500

Look = Callable[[], Iterable["Event"]]


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


def event_stream(look: Look, close: Callable[[], None] | None = None, *, on_loop: bool = False) -> Response:
    """Answer with a stream of what `look` returns, which is called several times a second, off the event loop.

    The view that returns it must run on the event loop (`cooperative`). `close` is called at the end. `on_loop`:
    `look` hardly works and offloads by itself what does. Who may not call the view any more is sent away.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - outlives the request
    taken = look if on_loop else lambda: offload(lambda: tuple(look()))
    response = Response(_pieces(app, taken, _permit(), close, request.environ), mimetype="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _pieces(
    app: Flask, look: Look, is_permitted: Callable[[], bool], close: Callable[[], None] | None, environ: dict[str, Any]
) -> Iterator[bytes]:
    with app.app_context():
        run = runtime()
    flights = run.flights
    # Known to the sweep, which ends it when the reader is gone.
    flight = flights.begin(environ)
    try:
        yield f"retry: {_RECONNECT_MS}\n\n".encode()
        silent_s = unchecked_s = 0.0
        while not flights.is_draining:
            with app.app_context():
                if unchecked_s >= _BEAT_S:
                    unchecked_s = 0.0
                    if not is_permitted():
                        return
                found = b"".join(event.encoded() for event in look())
            if found or silent_s >= _BEAT_S:
                yield found or b": still here\n\n"
                silent_s = 0.0
            time.sleep(_LOOK_S)
            silent_s += _LOOK_S
            unchecked_s += _LOOK_S
        yield Event("the server is about to stop", "bye").encoded()
    finally:
        flights.end(flight)
        if close is not None:
            close()


def long_answer(pieces: Iterator[str], media_type: str, filename: str) -> Response:
    """Answer with a file of any size; each piece of it is made off the event loop, when the client took the last one.

    The view that returns it must run on the event loop (`cooperative`).
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - outlives the request
    headers = {"Content-Disposition": f"attachment; filename={filename}"}
    return Response(_made(app, pieces, request.environ), content_type=media_type, headers=headers)


def _made(app: Flask, pieces: Iterator[str], environ: dict[str, Any]) -> Iterator[bytes]:
    with app.app_context():
        run = runtime()
    flight = run.flights.begin(environ)
    try:
        while True:
            with app.app_context():
                piece = offload(next, pieces, None)
            if piece is None:
                return
            yield piece.encode()
    finally:
        run.flights.end(flight)


def _permit() -> Callable[[], bool]:
    """Return what tells whether the present caller would still be let in."""
    run, needs_admin = runtime(), least(request.endpoint or "") == "admin"
    key = presented(request.environ) if visitor().key_id is not None else None
    if key is not None:
        return lambda: _is_good(run.keys, key)
    cookie = own_cookie() or ""
    return lambda: offload(_is_open, cookie, needs_admin)


def _is_good(keys: KeyTable, key: str) -> bool:
    try:
        return keys.verify(key).role == "admin"
    except NotAuthenticated:
        return False


def _is_open(cookie: str, needs_admin: bool) -> bool:
    view = sessions.look_up(cookie)
    return view is not None and (view.role == "admin" or not needs_admin)
