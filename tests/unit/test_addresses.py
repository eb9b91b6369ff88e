"""Which addresses are never connected to, in every spelling, and which only where private ones are allowed."""

import pytest

from app.addresses import AddressGuard

NEVER = [
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "0.0.0.0",
    "224.0.0.1",
    "::",
    "ff02::1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "::ffff:0.0.0.0",
]
PRIVATE = ["127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1"]
PRIVATE += ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "198.18.0.1", "192.0.2.1", "2001:db8::1"]
PUBLIC = ["1.1.1.1", "160.79.104.10", "2607:6bc0::10", "::ffff:1.1.1.1"]


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("allow_private", [True, False])
def test_metadata_and_translations_are_never_upstreams(address: str, allow_private: bool) -> None:
    assert "never an upstream" in (AddressGuard(allow_private).refusal(address) or "")


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_the_setting(address: str) -> None:
    assert AddressGuard(allow_private=True).refusal(address) is None
    assert "CCFLARE_ALLOW_PRIVATE_ENDPOINTS" in (AddressGuard(allow_private=False).refusal(address) or "")


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_fine(address: str) -> None:
    assert AddressGuard(allow_private=False).refusal(address) is None
