"""The network: send one Outbound, give back its Answer as raw bytes.

`requests` and urllib3 open the connections (app.connections); what runs over them is read and written here, because
`Session.request` and http.client cost more than all the rest of a proxied request together.
"""

import select
from collections.abc import Callable
from time import monotonic
from typing import Any

from app.connections import Adapter, ConnectFailed, TransportOptions
from app.errors import UpstreamFailed
from app.sockets import native_poll, send_all
from app.values import Headers, Outbound
from app.wire import BodyReader, WireError, parse_head, request_head

_RECV_BYTES = 65536
_MAX_HEAD_BYTES = 131072
_IDLE_S = 50.0
_MAX_IDLE = 256


class Answer:
    """One answer on its way: status and headers are here, the body comes by `read`."""

    __slots__ = ("_body", "_buffer", "_lane", "_sock", "headers", "is_done", "status")

    def __init__(
        self,
        sock: Any,
        lane: "_Lane",
        status: int,
        headers: Headers,
        body: BodyReader,
        buffer: bytes,
    ) -> None:
        self.status = status
        self.headers = headers
        self._sock = sock
        self._lane = lane
        self._body = body
        self._buffer = buffer
        self.is_done = False
        """Whether the body was read to its end, or given up."""
        if body.is_complete:
            body.may_reuse = body.may_reuse and not buffer
            self._finish()

    def read(self) -> bytes:
        """Return the next bytes of the body as they came (content coding untouched); b"" at its end.

        Raises UpstreamFailed (phase `body`) when the connection ends before the body does.
        """
        while not self.is_done:
            data = self._buffer
            self._buffer = b""
            try:
                piece = self._body.feed(data) if data else b""
                if self._body.is_complete:
                    self._finish()
                    return piece
                if piece:
                    return piece
                data = self._sock.recv(_RECV_BYTES)
                if not data:
                    self._body.feed_eof()
                    self._finish()
                    return b""
            except (OSError, WireError) as exc:
                self.close()
                raise UpstreamFailed(f"the upstream broke off its answer: {exc}", phase="body", sent=True) from exc
            self._buffer = data
        return b""

    def _finish(self) -> None:
        self.is_done = True
        if self._body.may_reuse:
            self._lane.give_back(self._sock)
        else:
            _close(self._sock)
        self._sock = None

    def close(self) -> None:
        """Cut the connection unless the answer was read to its end. Safe to call twice."""
        self.is_done = True
        if self._sock is not None:
            _close(self._sock)
            self._sock = None


class Transport:
    """Connections of one process to all upstreams."""

    def __init__(self, options: TransportOptions) -> None:
        self._adapter = Adapter(options)
        self._is_proxied = options.proxy is not None
        self._lanes: dict[str, _Lane] = {}

    def send(self, outbound: Outbound, is_repeatable: bool = True) -> Answer:
        """Send one request and wait for the head of its answer.

        `is_repeatable`: it may go twice; what may not gets a connection of its own, since one that was idle may be
        closed under our hands. Raises UpstreamFailed with phase `connect` (nothing was sent) or `head`. There is no
        time limit on the answer here: the caller bounds the wait.
        """
        url = outbound.url
        slash = url.find("/", 8)
        origin, target = (url[:slash], url[slash:]) if slash > 0 else (url, "/")
        lane = self._lanes.get(origin)
        if lane is None:
            lane = self._lanes[origin] = _Lane(self._adapter.opener(origin), origin)
        if self._is_proxied and origin.startswith("http:"):
            target = url
        head = request_head(outbound.method, target, lane.host, outbound.headers, len(outbound.body))
        sock = lane.take() if is_repeatable else None
        if sock is not None:
            try:
                return self._exchange(sock, lane, outbound, head)
            except UpstreamFailed as exc:
                # An idle connection that the upstream closed under our hands says nothing about the upstream.
                if exc.phase != "reused":
                    raise
        return self._exchange(lane.open(), lane, outbound, head, is_new=True)

    def _exchange(self, sock: Any, lane: "_Lane", outbound: Outbound, head: bytes, is_new: bool = False) -> Answer:
        received = b""
        try:
            _send(sock, head, outbound.body)
            while True:
                end = received.find(b"\r\n\r\n")
                if end >= 0:
                    status, headers, is_http10 = parse_head(received[:end])
                    received = received[end + 4 :]
                    if status >= 200:
                        break
                    continue
                if len(received) > _MAX_HEAD_BYTES:
                    raise WireError("its header section is too large")
                data = sock.recv(_RECV_BYTES)
                if not data:
                    raise WireError("it closed the connection without an answer")
                received += data
            body = BodyReader(outbound.method, status, headers, is_http10)
        except (OSError, WireError) as exc:
            _close(sock)
            stale = not is_new and not received
            raise UpstreamFailed(f"{lane.host}: {exc}", phase="reused" if stale else "head", sent=True) from exc
        except BaseException:
            _close(sock)
            raise
        return Answer(sock, lane, status, headers, body, received)

    def close(self) -> None:
        """Close every idle connection."""
        for lane in self._lanes.values():
            lane.close()


def _send(sock: Any, head: bytes, body: bytes) -> None:
    try:
        if len(body) < 16384:
            send_all(sock, head + body)
        else:
            send_all(sock, head)
            send_all(sock, body)
    except OSError:
        # An upstream may answer (413, 400) and stop reading before it has the whole body: the answer counts.
        if not body:
            raise


class _Lane:
    """Idle connections to one origin, newest first."""

    def __init__(self, opener: Callable[[], Any], origin: str) -> None:
        self.host = origin.split("://", 1)[1]
        self._opener = opener
        self._idle: list[tuple[Any, float]] = []

    def take(self) -> Any | None:
        """Return a connection that is still quiet and open, or None."""
        while self._idle:
            sock, since = self._idle.pop()
            if monotonic() - since < _IDLE_S and _is_quiet(sock):
                return sock
            _close(sock)
        return None

    def open(self) -> Any:
        """Open a new connection. Raises UpstreamFailed (phase `connect`)."""
        try:
            sock = self._opener()
        except ConnectFailed as exc:
            raise UpstreamFailed(f"{self.host}: {exc}", phase="connect", sent=False) from exc
        sock.settimeout(None)
        return sock

    def give_back(self, sock: Any) -> None:
        if len(self._idle) < _MAX_IDLE:
            self._idle.append((sock, monotonic()))
        else:
            _close(sock)

    def close(self) -> None:
        while self._idle:
            _close(self._idle.pop()[0])


def _is_quiet(sock: Any) -> bool:
    """Whether an idle connection is open with nothing to read: anything else means the peer closed it or erred."""
    try:
        poll = native_poll()
        poll.register(sock.fileno(), select.POLLIN)
        return not poll.poll(0)
    except (OSError, ValueError):
        return False


def _close(sock: Any) -> None:
    try:
        sock.close()
    except OSError:
        pass
