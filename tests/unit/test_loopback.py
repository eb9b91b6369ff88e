"""What means this very machine, and what only looks like it."""

import pytest

from app.loopback import is_loopback, is_loopback_host


@pytest.mark.parametrize("address", ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"])
def test_own_address(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["", "0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "localhost", "127.0.0.1.", "127.1"])
def test_other_address(address: str) -> None:
    assert not is_loopback(address)


@pytest.mark.parametrize("host", ["localhost", "LocalHost:8080", "localhost.", "127.0.0.1:1", "[::1]", "[::1]:8080"])
def test_own_host(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    ["", "evil.com", "localhost.evil.com", "127.0.0.1.evil.com", "evil.com#localhost", "[::2]", "::1", "a@localhost"],
)
def test_other_host(host: str) -> None:
    assert not is_loopback_host(host)
