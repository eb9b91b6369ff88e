"""The network: send one Outbound, give back its Answer as raw bytes. The only importer of `requests`.

`requests` and urllib3 open connections (TLS, CA bundle, outbound proxy); what runs over them is read and written
here, because `Session.request` and http.client cost more than all the rest of a proxied request together.
"""

import ipaddress
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import requests.adapters
import urllib3.exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection

from app.errors import UpstreamFailed
from app.flights import native_poll
from app.values import Headers, Outbound
from app.wire import BodyReader, WireError, parse_head, request_head

_RECV_BYTES = 65536
_MAX_HEAD_BYTES = 131072
_IDLE_S = 50.0
_MAX_IDLE = 256

_NEVER = tuple(
    ipaddress.ip_network(net)
    for net in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "64:ff9b::/96", "2002::/16", "100.100.100.200/32")
)


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """How to connect. `ca_file` replaces the bundled CAs; `proxy` is an http(s) proxy URL for every upstream."""

    connect_timeout_s: float = 10.0
    allow_private: bool = True
    proxy: str | None = None
    ca_file: Path | None = None


class Answer:
    """One answer on its way: status and headers are here, the body comes by `read`."""

    __slots__ = ("_body", "_buffer", "_done", "_lane", "_sock", "headers", "status")

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
        self._done = False
        if body.is_complete:
            body.may_reuse = body.may_reuse and not buffer
            self._finish()

    @property
    def is_done(self) -> bool:
        """Whether the body was read to its end, or given up."""
        return self._done

    def read(self) -> bytes:
        """Return the next bytes of the body as they came (content coding untouched); b"" at its end.

        Raises UpstreamFailed (phase `body`) when the connection ends before the body does.
        """
        while not self._done:
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
        self._done = True
        if self._body.may_reuse:
            self._lane.give_back(self._sock)
        else:
            _close(self._sock)
        self._sock = None

    def close(self) -> None:
        """Cut the connection unless the answer was read to its end. Safe to call twice."""
        self._done = True
        if self._sock is not None:
            _close(self._sock)
            self._sock = None


class Transport:
    """Connections of one process to all upstreams."""

    def __init__(self, options: TransportOptions) -> None:
        self._adapter = _Adapter(options)
        self._is_proxied = options.proxy is not None
        self._lanes: dict[str, _Lane] = {}

    def send(self, outbound: Outbound) -> Answer:
        """Send one request and wait for the head of its answer.

        Raises UpstreamFailed with phase `connect` (nothing was sent) or `head`. There is no time limit on the answer
        here: the caller bounds the wait.
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
        sock = lane.take()
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
            sock.sendall(head + body)
        else:
            sock.sendall(head)
            sock.sendall(body)
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
        except (OSError, urllib3.exceptions.HTTPError, ValueError) as exc:
            raise UpstreamFailed(f"{self.host}: {_plain(exc)}", phase="connect", sent=False) from exc
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


def _plain(exc: BaseException) -> str:
    """Return a short text of a connection error without object addresses."""
    reason = getattr(exc, "reason", None) or exc
    text = str(reason)
    return text.split(": ", 1)[1] if ">: " in text or text.startswith("<") else text


class _Adapter(requests.adapters.HTTPAdapter):
    """requests' adapter, reduced to opening connections the way requests does, with a guard on the address."""

    def __init__(self, options: TransportOptions) -> None:
        self._options = options
        super().__init__(pool_connections=64, pool_maxsize=1, max_retries=0)

    def opener(self, origin: str) -> Callable[[], Any]:
        """Return a function that opens a connection to `origin` and gives its socket (TLS done)."""
        prepared = requests.Request("GET", origin + "/").prepare()
        options = self._options
        verify: bool | str = str(options.ca_file) if options.ca_file else True
        proxies = {"http": options.proxy, "https": options.proxy} if options.proxy else None
        pool: Any = self.get_connection_with_tls_context(prepared, verify, proxies=proxies)
        self.cert_verify(pool, origin, verify, None)  # type: ignore[no-untyped-call]
        if not options.proxy:
            secure = urlsplit(origin).scheme == "https"
            pool.ConnectionCls = _GuardedHTTPS if secure else _GuardedHTTP
            pool.conn_kw["guard"] = AddressGuard(options.allow_private)
        return lambda: _open(pool, options.connect_timeout_s)


def _open(pool: Any, timeout_s: float) -> Any:
    connection = pool._new_conn()
    connection.timeout = timeout_s
    try:
        if pool.proxy is not None and pool.scheme == "https":
            pool._prepare_proxy(connection)
        else:
            connection.connect()
    except BaseException:
        connection.close()
        raise
    sock = connection.sock
    connection.sock = None  # The socket is ours now; the connection object must not close it.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class AddressGuard:
    """Which addresses may be connected to, decided on the address itself, behind every name and spelling."""

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private

    def refusal(self, address: str) -> str | None:
        """Return why an address is refused, or None."""
        ip = ipaddress.ip_address(address.partition("%")[0])
        mapped = getattr(ip, "ipv4_mapped", None)
        ip = mapped or ip
        if ip.is_unspecified or ip.is_multicast or any(ip in net for net in _NEVER if net.version == ip.version):
            return f"{address} is a link-local, metadata or translation address, which is never an upstream"
        if not self._allow_private and not ip.is_global:
            return f"{address} is not a public address, and CCFLARE_ALLOW_PRIVATE_ENDPOINTS is off"
        return None


class _GuardedMixin:
    """Resolve, check every address, connect to one that was checked."""

    def __init__(self, *args: Any, guard: AddressGuard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard

    def _new_conn(self) -> socket.socket:
        connection: Any = self
        found = socket.getaddrinfo(connection._dns_host, connection.port, 0, socket.SOCK_STREAM)
        last: OSError | None = None
        for family, kind, protocol, _, address in found:
            refusal = self._guard.refusal(str(address[0]))
            if refusal is not None:
                last = last or PermissionError(refusal)
                continue
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(connection.timeout)
                sock.connect(address)
                return sock
            except OSError as exc:
                sock.close()
                last = exc
        raise last or OSError("the name has no address")


class _GuardedHTTP(_GuardedMixin, HTTPConnection):
    pass


class _GuardedHTTPS(_GuardedMixin, HTTPSConnection):
    pass
