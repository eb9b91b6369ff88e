"""A client on a bare socket that does what no library lets you do: half requests, half reads, a reset, silence."""

import socket
import struct
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

Pairs = list[tuple[str, str]]


@dataclass(slots=True)
class RawAnswer:
    """One answer as it came. `pieces`: the chunks of a chunked body; `complete`: whether its framing ended well."""

    status: int
    headers: Pairs
    head: bytes
    informational: list[int] = field(default_factory=list)
    body: bytes = b""
    pieces: list[bytes] = field(default_factory=list)
    complete: bool = False

    def header(self, name: str) -> str | None:
        """Return a header's value, repeated ones joined by `, `."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(found) if found else None


class RawClient:
    """One connection. A context manager; every read has a time limit."""

    def __init__(self, url: str, *, timeout_s: float = 10) -> None:
        parts = urlsplit(url)
        self.host = parts.netloc
        self.sock = socket.create_connection((parts.hostname, parts.port), timeout_s)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.sock.sendall(data)

    def request(self, method: str, target: str, headers: Pairs | None = None, body: bytes | None = None) -> None:
        """Send one whole request; Host and Content-Length are added."""
        self.send(self.head(method, target, headers, len(body) if body is not None else None) + (body or b""))

    def head(self, method: str, target: str, headers: Pairs | None = None, length: int | None = None) -> bytes:
        """Return the bytes of a request's head."""
        pairs = [("Host", self.host), *(headers or [])]
        if length is not None:
            pairs.append(("Content-Length", str(length)))
        lines = "".join(f"{name}: {value}\r\n" for name, value in pairs)
        return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")

    def answer(self, *, bodyless: bool = False) -> RawAnswer:
        """Read one answer to its end, or to where the connection broke."""
        answer = self.answer_head()
        if bodyless:
            answer.complete = True
        elif (answer.header("transfer-encoding") or "").lower() == "chunked":
            self._read_chunks(answer)
        elif (length := answer.header("content-length")) is not None:
            answer.complete = self._fill_to(int(length))
            answer.body = self._take(int(length))
        else:
            answer.complete = self._read_to_close()
            answer.body = self._take(len(self._buffer))
        return answer

    def answer_head(self) -> RawAnswer:
        """Read the head of an answer, and keep the 1xx that came before. Raises ConnectionError at the end."""
        informational: list[int] = []
        while True:
            while b"\r\n\r\n" not in self._buffer:
                if not self._fill():
                    raise ConnectionError("closed before the head was complete")
            head = self._take(self._buffer.index(b"\r\n\r\n") + 4)
            first, *lines = head[:-4].decode("latin-1").split("\r\n")
            status = int(first.split(" ")[1])
            if status >= 200:
                pairs = [line.split(": ", 1) for line in lines]
                return RawAnswer(status, [(name, value) for name, value in pairs], head, informational)
            informational.append(status)

    def chunk(self) -> bytes | None:
        """Read one chunk of a chunked body; b"" is its good end, None a broken one."""
        if not self._fill_past(b"\r\n"):
            return None
        size = int(self._take(self._buffer.index(b"\r\n") + 2), 16)
        return self._take(size + 2)[:-2] if self._fill_to(size + 2) else None

    def read_until(self, mark: bytes) -> bytes:
        """Read raw bytes until `mark` has come, and return them all; framing is left in."""
        while mark not in self._buffer:
            if not self._fill():
                raise ConnectionError(f"closed before {mark!r} came; got {self._buffer[-200:]!r}")
        return self._take(self._buffer.index(mark) + len(mark))

    def is_closed(self) -> bool:
        """Wait until the peer closes (True) or sends something (False)."""
        return not self._buffer and not self._fill()

    def half_close(self) -> None:
        """Say that nothing more will be sent, and keep reading."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        """Close with a FIN."""
        self.sock.close()

    def _read_chunks(self, answer: RawAnswer) -> None:
        while piece := self.chunk():
            answer.pieces.append(piece)
        answer.complete = piece is not None
        answer.body = b"".join(answer.pieces) + self._take(len(self._buffer) if piece is None else 0)

    def _read_to_close(self) -> bool:
        try:
            while data := self.sock.recv(65536):
                self._buffer += data
        except ConnectionError:
            return False
        return True

    def _fill(self) -> bool:
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            return False
        self._buffer += data
        return bool(data)

    def _fill_to(self, count: int) -> bool:
        while len(self._buffer) < count:
            if not self._fill():
                return False
        return True

    def _fill_past(self, mark: bytes) -> bool:
        while mark not in self._buffer:
            if not self._fill():
                return False
        return True

    def _take(self, count: int) -> bytes:
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data
