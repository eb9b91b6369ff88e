"""One HTTP/1.1 connection on a bare gevent socket, so that every fault of a real peer can be staged."""

import contextlib
import socket
import ssl
import struct
import time
from dataclasses import dataclass, field

import gevent
from gevent.event import Event

MAX_HEAD_BYTES = 256 * 1024


class PeerGone(Exception):
    """The other side closed or reset the connection while an exchange was open."""


class BadRequest(Exception):
    """The other side does not speak HTTP."""


def epoch_ms() -> float:
    """Return the wall clock in milliseconds, with fractions."""
    return time.time() * 1000


@dataclass(slots=True)
class Request:
    """One request exactly as it came. `head` is the raw bytes up to and with the empty line."""

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    head: bytes
    at: float
    body: bytes = b""
    folded: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query without its question mark."""
        return self.target.partition("?")[2]

    @property
    def credential(self) -> str | None:
        """The value of x-api-key, else the Bearer token."""
        key = self.folded.get("x-api-key")
        if key is not None:
            return key
        scheme, _, token = self.folded.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None

    @property
    def is_oauth(self) -> bool:
        """Whether a subscription's token came as Bearer."""
        return self.folded.get("authorization", "")[7:].startswith("sk-ant-oat")


def parse_head(head: bytes, at: float) -> Request:
    """Return the request whose head this is, without its body. Raises BadRequest."""
    lines = head[:-4].decode("latin-1").split("\r\n")
    try:
        method, target, version = lines[0].split(" ")
        headers = []
        folded: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            value = value.strip(" \t")
            headers.append((name, value))
            key = name.lower()
            folded[key] = f"{folded[key]}, {value}" if key in folded else value
    except ValueError as exc:
        raise BadRequest(lines[0]) from exc
    if not version.startswith("HTTP/1."):
        raise BadRequest(lines[0])
    return Request(method, target, version, headers, head, at, folded=folded)


class Wire:
    """One connection: reads requests, writes bytes, waits while it watches for the peer to leave."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.sock = sock
        self.number = number
        self.doomed = False
        """Close without an answer when the next request comes."""
        self._buffer = bytearray()
        self._gone = Event()
        self._watcher: gevent.Greenlet[..., None] | None = None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read_head(self) -> Request | None:
        """Return the next request without its body, or None when the peer closed an idle connection."""
        self.unwatch()
        scanned = 0
        while (end := self._buffer.find(b"\r\n\r\n", max(0, scanned - 3))) < 0:
            scanned = len(self._buffer)
            if scanned > MAX_HEAD_BYTES:
                raise BadRequest("head too large")
            if not self._fill():
                if self._buffer.strip():
                    raise PeerGone
                return None
        return parse_head(self._take(end + 4), epoch_ms())

    def read_body(self, request: Request) -> None:
        """Read the body that the head announces into `request.body`. Raises PeerGone when it is cut."""
        if "100-continue" in request.folded.get("expect", "").lower():
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in request.folded.get("transfer-encoding", "").lower():
            request.body = self._read_chunks()
        elif length := int(request.folded.get("content-length", "0")):
            request.body = self._read_exactly(length)

    def send(self, data: bytes) -> None:
        """Send everything. Raises PeerGone when the peer has left."""
        if self._gone.is_set():
            raise PeerGone
        try:
            self.sock.sendall(data)
        except OSError as exc:
            raise PeerGone from exc

    def pause(self, seconds: float | None = None, until: Event | None = None) -> None:
        """Wait for the time, for the event, or for the peer to leave (PeerGone)."""
        if self._watcher is None:
            self._watcher = gevent.spawn(self._watch)
        waited = [self._gone] if until is None else [self._gone, until]
        gevent.wait(waited, timeout=seconds, count=1)
        if self._gone.is_set():
            raise PeerGone

    def unwatch(self) -> None:
        """Stop watching; bytes that came meanwhile are kept for the next request."""
        if self._watcher is not None:
            self._watcher.kill()
            self._watcher = None

    def linger(self, seconds: float = 2) -> None:
        """Say that nothing more comes, and read what is still under way, so that no RST overtakes the answer."""
        self.unwatch()
        self.sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(gevent.Timeout), gevent.Timeout(seconds):
            while self._fill():
                self._buffer.clear()

    def close(self, *, reset: bool = False) -> None:
        """Close with a FIN, or with a RST."""
        self.unwatch()
        try:
            if reset:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif isinstance(self.sock, ssl.SSLSocket):
                self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()

    def _watch(self) -> None:
        while self._fill():
            pass
        self._gone.set()

    def _fill(self) -> bool:
        try:
            data = self.sock.recv(262144)
        except OSError:
            return False
        self._buffer += data
        return bool(data)

    def _take(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _read_exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            if not self._fill():
                raise PeerGone
        return self._take(count)

    def _read_line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if not self._fill():
                raise PeerGone
        return self._take(end + 2)[:-2]

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while size := int(self._read_line().partition(b";")[0], 16):
            body += self._read_exactly(size + 2)[:-2]
        while self._read_line():
            pass
        return bytes(body)
