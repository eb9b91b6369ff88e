"""Which network addresses an upstream may have."""

import ipaddress

_NEVER = tuple(
    ipaddress.ip_network(net)
    for net in (
        # Link-local, and the metadata services of clouds that live elsewhere.
        *("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "fd20:ce::254/128"),
        *("100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32"),
        # NAT64, 6to4, Teredo: an IPv4 address in disguise.
        *("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"),
    )
)


class AddressGuard:
    """Which addresses may be connected to, decided on the address itself, behind every name and spelling."""

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private

    def refusal(self, address: str) -> str | None:
        """Return why an address is refused, or None."""
        ip = ipaddress.ip_address(address.partition("%")[0])
        mapped = getattr(ip, "ipv4_mapped", None)
        ip = mapped or ip
        is_compatible = ip.version == 6 and 1 < int(ip) < 1 << 32  # ::a.b.c.d
        if (
            is_compatible
            or ip.is_unspecified
            or ip.is_multicast
            or any(ip in net for net in _NEVER if net.version == ip.version)
        ):
            return f"{address} is a link-local, metadata or translation address, which is never an upstream"
        if not self._allow_private and not ip.is_global:
            return f"{address} is not a public address, and CCFLARE_ALLOW_PRIVATE_ENDPOINTS is off"
        return None
