"""How gunicorn writes an answer: head and first bytes in one write, the upstream's Date and Server kept."""

import email.utils
import ipaddress
import json
from functools import lru_cache
from time import time
from typing import Any, ClassVar

from gunicorn import util
from gunicorn.http import message, wsgi

from app.redaction import redact
from app.sockets import send_while_read
from app.values import id_text, new_request_id

_LAST_CHUNK = b"0\r\n\r\n"
_OWN_FIELDS = frozenset({"date", "server"})
_MAX_REASON = 300


class LastPiece(bytes):
    """The end of a body, as the application gives it: the end of the framing goes out with it in one write."""


class RelayedResponse(wsgi.Response):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's response with two differences that show on the wire.

    A `date` or `server` field that the application gives stands instead of gunicorn's own, not beside it. The head
    goes out with the first piece of the body, since every write wakes the client up; an empty piece sends it alone.
    """

    within_s: ClassVar[float] = 120.0
    """How long a client may take nothing of what is sent."""

    headers_sent: bool
    _head: bytes = b""
    _is_ended: bool = False

    def process_headers(self, headers: list[tuple[str, str]]) -> None:
        """Take the fields of an answer; gunicorn checks them, and would drop the two that are its own."""
        super().process_headers(headers)
        self.headers += [pair for pair in headers if pair[0].lower() in _OWN_FIELDS]

    def send_headers(self) -> None:
        """Make the head ready; the next write sends it."""
        if self.headers_sent:
            return
        given = {name.lower() for name, _ in self.headers}
        lines = [f"HTTP/{self.req.version[0]}.{self.req.version[1]} {self.status}\r\n"]
        if "server" not in given:
            lines.append(f"Server: {self.version}\r\n")
        if "date" not in given:
            lines.append(f"Date: {_date_field(int(time()))}\r\n")
        lines.append("Connection: close\r\n" if self.should_close() else "Connection: keep-alive\r\n")
        if self.chunked:
            lines.append("Transfer-Encoding: chunked\r\n")
        lines += [f"{name}: {value}\r\n" for name, value in self.headers]
        lines.append("\r\n")
        self._head = "".join(lines).encode("latin-1")
        self.headers_sent = True

    def write(self, arg: bytes) -> None:
        """Send a piece of the body, behind the head if that is still here."""
        super().write(arg)
        self._send_head()

    def close(self) -> None:
        """Finish the answer."""
        self.send_headers()
        if self.chunked and not self._is_ended:
            self._emit_body(b"")
        self._send_head()

    def can_sendfile(self) -> bool:
        """Files are written like any other body, behind the head."""
        return False

    def _emit_body(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if self.chunked:
            self._is_ended = type(data) is LastPiece
            self._send(b"%b%X\r\n%b\r\n%b" % (head, len(data), data, _LAST_CHUNK if self._is_ended else b""))
        else:
            self._send(head + data if head else data)

    def _send_head(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._send(head)

    def _send(self, data: bytes) -> None:
        send_while_read(self.sock, data, self.within_s)


def write_refusal(sock: Any, status: int, reason: str, words: str) -> None:
    """Answer what is no proper request in the shape of the API's errors; gunicorn's own words come as a page."""
    kind = "api_error" if status == 500 else "invalid_request_error"
    name = id_text(new_request_id())
    error = {"type": kind, "message": redact(words)[:_MAX_REASON] or reason}
    body = json.dumps({"type": "error", "error": error, "request_id": name}).encode()
    lines = [f"HTTP/1.1 {status} {reason}", "Connection: close", "content-type: application/json"]
    lines += [f"content-length: {len(body)}", f"x-ccflare-request-id: {name}", "", ""]
    util.write_nonblock(sock, "\r\n".join(lines).encode("latin-1") + body)


class _Addresses:
    """Stands for `ipaddress` in gunicorn's parser, which asks for the same few peers over and over."""

    ip_address = staticmethod(lru_cache(maxsize=1024)(ipaddress.ip_address))


@lru_cache(maxsize=1)
def _date_field(second: int) -> str:
    return email.utils.formatdate(second, usegmt=True)


def install(within_s: float) -> None:
    """Let this worker's gunicorn answer with RelayedResponse, and do less for each request.

    `within_s`: a client that takes nothing of its answer for so long is cut off.
    """
    RelayedResponse.within_s = within_s
    wsgi.Response = RelayedResponse
    util.write_error = write_refusal
    # One is made for every request, though all are alike.
    wsgi.WSGIErrorsWrapper = lru_cache(maxsize=1)(wsgi.WSGIErrorsWrapper)
    message.ipaddress = _Addresses
