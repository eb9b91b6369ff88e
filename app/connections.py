"""Opening a connection to an upstream: TLS, CA bundle and outbound proxy as `requests` does them, addresses guarded.

The only importer of `requests`, which is used for this and nothing else.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests.adapters
import urllib3.exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection

from app.addresses import AddressGuard


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """How to connect. `ca_file` replaces the bundled CAs; `proxy` is an http(s) proxy URL for every upstream."""

    connect_timeout_s: float = 10.0
    allow_private: bool = True
    proxy: str | None = None
    ca_file: Path | None = None


class ConnectFailed(Exception):
    """No connection came about; the message says why in plain words."""


class Adapter(requests.adapters.HTTPAdapter):
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
    connection = pool._new_conn()  # noqa: SLF001 - urllib3 has no public way to just connect
    connection.timeout = timeout_s
    try:
        if pool.proxy is not None and pool.scheme == "https":
            pool._prepare_proxy(connection)  # noqa: SLF001
        else:
            connection.connect()
        sock = connection.sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, urllib3.exceptions.HTTPError, ValueError) as exc:
        connection.close()
        raise ConnectFailed(_plain(exc)) from exc
    except BaseException:
        connection.close()
        raise
    connection.sock = None  # The socket is ours now; the connection object must not close it.
    return sock


def _plain(exc: BaseException) -> str:
    """Return a short text of a connection error without object addresses."""
    reason = getattr(exc, "reason", None)
    text = str(reason if isinstance(reason, Exception) else exc)
    return text.split(": ", 1)[1] if ">: " in text or text.startswith("<") else text


class _GuardedMixin:
    """Resolve, check every address, connect to one that was checked."""

    def __init__(self, *args: Any, guard: AddressGuard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard

    def _new_conn(self) -> socket.socket:
        connection: Any = self
        host = connection._dns_host  # noqa: SLF001 - the name without the brackets and dot of its URL form
        found = socket.getaddrinfo(host, connection.port, 0, socket.SOCK_STREAM)
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
