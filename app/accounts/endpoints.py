"""Base URLs that operators enter: what may be one, before anything connects to it."""

import re
import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from app.addresses import AddressGuard
from app.errors import InvalidInput

_MAX_CHARS = 2000
_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
_GUARD = AddressGuard(allow_private=True)


def checked_endpoint(text: str) -> str:
    """Return a base URL without its last slash. Raises InvalidInput.

    Names are looked up, and their addresses judged, when a connection is made.
    """
    fault = _fault(text)
    if fault is not None:
        raise InvalidInput.field("endpoint", fault)
    return text.removesuffix("/")


def _fault(text: str) -> str | None:
    if len(text) > _MAX_CHARS or not text.isascii() or re.search(r"[\s\x00-\x20\x7f\\]", text):
        return "give a URL in ASCII without blanks"
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").rstrip("."), parts.port
        host.encode("idna")  # As each look-up does, which has no plain word for a label that is empty or too long.
    except ValueError:
        return "is no valid URL"
    if parts.scheme not in ("http", "https") or not host or port == 0:
        return "give an http or https URL with a host"
    if "@" in parts.netloc:
        return "holds credentials; a key has a place of its own"
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        return "give a base URL without query and fragment"
    return _host_fault(host)


def _host_fault(host: str) -> str | None:
    if host in _METADATA_NAMES:
        return f"{host} is a metadata service, which is never an upstream"
    address = _address(host)
    return _GUARD.refusal(address) if address is not None else None


def _address(host: str) -> str | None:
    """Return the address that a host spells out, in any spelling that a resolver would take; None for a name."""
    try:
        return str(ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    if not re.fullmatch(r"[0-9a-fx.]+", host):
        return None
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None
