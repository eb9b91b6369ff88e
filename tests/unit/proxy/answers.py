"""Answers of an upstream that are all there, for what reads them."""

from collections import deque

from app.errors import UpstreamFailed
from app.proxy.opened import Opened
from app.values import Headers

JSON: Headers = (("Content-Type", "application/json"),)
EVENTS: Headers = (("Content-Type", "text/event-stream"),)
CHUNK = b'data: {"id":"c1","model":"gpt","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
FINISH = b'data: {"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":4,'
FINISH += b'"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"
COMPLETION = b'{"id":"c1","model":"gpt","choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}'


class Canned:
    """An answer whose body comes in the given pieces; with `breaks` its connection ends before its body does."""

    def __init__(self, *pieces: bytes, status: int = 200, headers: Headers = JSON, breaks: bool = False) -> None:
        self.status = status
        self.headers = headers
        self.is_closed = False
        self._pieces = deque(pieces)
        self._breaks = breaks

    @property
    def is_done(self) -> bool:
        return self.is_closed or not (self._pieces or self._breaks)

    def read(self) -> bytes:
        if self._pieces:
            return self._pieces.popleft()
        if self._breaks:
            self.close()
            raise UpstreamFailed("the upstream broke off its answer", phase="body", sent=True)
        return b""

    def close(self) -> None:
        self.is_closed = True


def opened(*pieces: bytes, status: int = 200, headers: Headers = JSON, breaks: bool = False) -> Opened:
    """Return a canned answer as the corridor opens it."""
    made = Opened(Canned(*pieces, status=status, headers=headers, breaks=breaks))
    if status >= 300:
        made.pull_head()
    return made
