"""The load generator: one process, raw sockets and epoll; reads one order a line from stdin, writes one result a line.

Orders: `batch` (so many requests over so many keep-alive connections), `paced` (streams whose events carry the time
they were sent), `hold` (open idle streams and keep them), `drain` (read the held streams to their end).
"""

import json
import re
import select
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import Any

_STAMP = re.compile(rb"t=(\d+);")
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_LAST_CHUNK = b"0\r\n\r\n"


def request_bytes(target: str, body_bytes: int, stream: bool, key: str = "") -> bytes:
    """Build one Messages request of about `body_bytes`, with a client key where one is needed."""
    text = ("The quick brown fox jumps over the lazy dog, again and again. " * (body_bytes // 62 + 1))[:body_bytes]
    body = json.dumps(
        {
            "model": "claude-sonnet-4-5",
            "max_tokens": 1024,
            "stream": stream,
            "metadata": {"user_id": "user_bench_account__session_8d2f6a04-7a64-4f0e-9a52-0d6f1f5d5a11"},
            "messages": [{"role": "user", "content": text}],
        }
    ).encode()
    credential = f"x-api-key: {key}\r\n" if key else ""
    head = (
        f"POST {target} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\nuser-agent: bench/1\r\n"
        "anthropic-version: 2023-06-01\r\ncontent-type: application/json\r\naccept-encoding: identity\r\n"
        f"{credential}content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass(slots=True)
class Answer:
    """What came of one request so far."""

    status: int = 0
    left: int | None = None
    """Body bytes that are still to come; None: chunked."""
    head: bytes = b""
    tail: bytes = b""
    keeps: bool = True

    def feed(self, data: bytes) -> bool:
        """Take bytes of the socket; tell whether the answer is complete."""
        if not self.status:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return False
            head, data = self.head[: end + 2], self.head[end + 4 :]
            self.status = int(head[9:12])
            self.keeps = b"connection: close" not in head.lower()
            found = _LENGTH.search(head)
            self.left = int(found[1]) if found else None
        if self.left is None:
            self.tail = (self.tail + data)[-64:]
            return self.tail.endswith(_LAST_CHUNK)
        self.left -= len(data)
        return self.left <= 0


@dataclass(slots=True)
class Connection:
    """One client's connection and the request that runs on it."""

    port: int
    sock: socket.socket = field(init=False)
    answer: Answer = field(default_factory=Answer)
    sent_ns: int = 0
    out: bytes = b""

    def __post_init__(self) -> None:
        self.connect()

    def connect(self) -> None:
        """Open the socket anew."""
        self.sock = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)

    def send(self, payload: bytes) -> None:
        """Start one request; what the socket does not take at once is kept in `out`."""
        self.answer = Answer()
        self.sent_ns = time.monotonic_ns()
        self.out = payload[self.sock.send(payload) :]

    def flush(self) -> None:
        """Send what is kept."""
        self.out = self.out[self.sock.send(self.out) :]


class Load:
    """Carries out the orders; keeps the streams that are held open between two of them."""

    def __init__(self) -> None:
        self.held: dict[int, Connection] = {}

    def batch(self, port: int, payload: bytes, requests: int, concurrency: int, deadline_s: float) -> dict[str, Any]:
        """Send `requests` over `concurrency` connections; return what each took, in ms."""
        poll, live, times, errors = select.epoll(), dict[int, Connection](), list[float](), 0
        left = requests
        started = time.monotonic()
        for _ in range(min(concurrency, requests)):
            self._start(Connection(port), payload, poll, live)
            left -= 1
        while live and time.monotonic() - started < deadline_s:
            for fd, mask in poll.poll(1.0):
                connection = live[fd]
                if connection.out and mask & select.EPOLLOUT:
                    connection.flush()
                    poll.modify(fd, _mask(connection))
                if not mask & ~select.EPOLLOUT:
                    continue
                data = _receive(connection)
                if data and not connection.answer.feed(data):
                    continue
                took_ms = (time.monotonic_ns() - connection.sent_ns) / 1e6
                good = bool(data) and connection.answer.status == 200
                times += [took_ms] if good else []
                errors += not good
                _forget(connection, poll, live)
                if left:
                    left -= 1
                    self._start(_ready(connection, good), payload, poll, live)
                else:
                    connection.sock.close()
        errors += len(live) + left
        elapsed_s = time.monotonic() - started
        for connection in live.values():
            connection.sock.close()
        return {"elapsed_s": elapsed_s, "errors": errors, "times_ms": times}

    def paced(self, port: int, payload: bytes, count: int, per_s: float, measure_s: float) -> dict[str, Any]:
        """Open `count` streams, `per_s` a second; return how late the events came once all were open, in ms."""
        poll, live = select.epoll(), dict[int, Connection]()
        tails: dict[int, bytes] = {}
        late: list[float] = []
        started, opened, ended, begin = time.monotonic(), 0, 0, 0
        deadline = started + count / per_s + measure_s + 30
        while (opened < count or live) and time.monotonic() < deadline:
            while opened < count and time.monotonic() - started >= opened / per_s:
                self._start(Connection(port), payload, poll, live)
                opened += 1
            if opened == count and not begin and all(connection.answer.status for connection in live.values()):
                begin = time.monotonic_ns()
            for fd, _ in poll.poll(0.002 if opened < count else 0.5):
                connection = live[fd]
                data = _receive(connection)
                now = time.monotonic_ns()
                text = tails.get(fd, b"") + data
                sent = (int(found[1]) for found in _STAMP.finditer(text))
                late += [(now - at) / 1e6 for at in sent if begin and begin <= at < begin + measure_s * 1e9]
                cut = text.rfind(b"t=")
                tails[fd] = text[cut:] if cut >= 0 and b";" not in text[cut:] else text[-1:]
                if connection.answer.feed(data) or not data:
                    ended += bool(data)
                    tails.pop(fd)
                    _forget(connection, poll, live)
                    connection.sock.close()
        for connection in live.values():
            connection.sock.close()
        return {"late_ms": late, "errors": count - ended}

    def hold(self, port: int, payload: bytes, count: int, deadline_s: float) -> dict[str, Any]:
        """Open `count` streams and wait until each has sent its first bytes."""
        poll = select.epoll()
        waiting: dict[int, Connection] = {}
        todo, started = count, time.monotonic()
        while (todo or waiting) and time.monotonic() - started < deadline_s:
            while todo and len(waiting) < 32:
                self._start(Connection(port), payload, poll, waiting)
                todo -= 1
            for fd, _ in poll.poll(1.0):
                connection = waiting[fd]
                data = _receive(connection)
                connection.answer.feed(data)
                if connection.answer.status == 200 or not data:
                    _forget(connection, poll, waiting)
                    if data:
                        self.held[fd] = connection
                    else:
                        connection.sock.close()
        return {"open": len(self.held)}

    def drain(self, deadline_s: float) -> dict[str, Any]:
        """Read every held stream to its end."""
        poll, ended, started = select.epoll(), 0, time.monotonic()
        for fd in self.held:
            poll.register(fd, select.EPOLLIN)
        while self.held and time.monotonic() - started < deadline_s:
            for fd, _ in poll.poll(1.0):
                data = _receive(self.held[fd])
                if self.held[fd].answer.feed(data) or not data:
                    ended += bool(data)
                    connection = self.held[fd]
                    _forget(connection, poll, self.held)
                    connection.sock.close()
        for connection in self.held.values():
            connection.sock.close()
        self.held.clear()
        return {"ended": ended}

    @staticmethod
    def _start(connection: Connection, payload: bytes, poll: select.epoll, live: dict[int, Connection]) -> None:
        connection.send(payload)
        live[connection.sock.fileno()] = connection
        poll.register(connection.sock.fileno(), _mask(connection))


def _mask(connection: Connection) -> int:
    return select.EPOLLIN | (select.EPOLLOUT if connection.out else 0)


def _receive(connection: Connection) -> bytes:
    try:
        return connection.sock.recv(262144)
    except OSError:
        return b""


def _ready(connection: Connection, good: bool) -> Connection:
    """Return a connection for the next request: the same one while the server keeps it."""
    if not good or not connection.answer.keeps:
        connection.sock.close()
        connection.connect()
    return connection


def _forget(connection: Connection, poll: select.epoll, live: dict[int, Connection]) -> None:
    poll.unregister(connection.sock.fileno())
    del live[connection.sock.fileno()]


def main() -> None:
    """Obey the orders on stdin until it ends."""
    load = Load()
    for line in iter(sys.stdin.readline, ""):
        print(json.dumps(obey(load, json.loads(line))), flush=True)


def obey(load: Load, order: dict[str, Any]) -> dict[str, Any]:
    """Carry out one order."""
    verb = order.pop("do")
    if verb != "drain":
        order["payload"] = request_bytes(
            order.pop("target"), order.pop("body_bytes", 40), order.pop("stream", False), order.pop("key", "")
        )
    result: dict[str, Any] = getattr(load, verb)(**order)
    return result


if __name__ == "__main__":
    main()
