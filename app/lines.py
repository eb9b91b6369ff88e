"""The client connections of one worker, so that a drain does not wait for those that only lie open."""

from collections.abc import Callable, Iterable
from typing import Any

from app.sockets import end_reading


class Lines:
    """All lines of one worker by socket, each with the path of its last request; None while one is running."""

    def __init__(self) -> None:
        self._lines: dict[Any, str | None] = {}

    def attach(self, worker: Any) -> None:
        """Follow what a gunicorn worker does with its connections. Call before it runs."""
        worker.handle = self._following(worker.handle)
        worker.handle_request = self._counting(worker.handle_request)

    def _following(self, handle: Callable[[Any, Any, Any], None]) -> Callable[[Any, Any, Any], None]:
        def follow(listener: Any, client: Any, address: Any) -> None:
            self._lines[client] = ""
            try:
                handle(listener, client, address)
            finally:
                del self._lines[client]

        return follow

    def _counting(self, handle_request: Callable[[Any, Any, Any, Any], None]) -> Callable[[Any, Any, Any, Any], None]:
        def count(listener: Any, request: Any, client: Any, address: Any) -> None:
            self._lines[client] = None
            try:
                handle_request(listener, request, client, address)
            finally:
                self._lines[client] = request.path

        return count

    def close_idle(self, but: Iterable[str] = ()) -> None:
        """End the lines that wait for a next request; a request that has already come is still served.

        `but`: lines whose last request was for one of these paths stay open.
        """
        kept = (None, *but)
        for client, path in tuple(self._lines.items()):
            if path not in kept:
                try:
                    end_reading(client)
                except OSError:
                    continue
