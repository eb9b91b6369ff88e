"""Whether an address or a Host header means this very machine."""

import ipaddress
from functools import lru_cache


@lru_cache(maxsize=1024)
def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine's own."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_loopback)


@lru_cache(maxsize=1024)
def is_loopback_host(host: str) -> bool:
    """Whether a Host header (with or without port) names this machine itself."""
    name = host_name(host)
    return name == "localhost" or is_loopback(name)


def host_name(host: str) -> str:
    """Return a Host header without its port, in lower case; of an IPv6 address what is inside the brackets."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name.lower().rstrip(".")
