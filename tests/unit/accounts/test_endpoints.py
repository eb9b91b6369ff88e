"""Base URLs that operators enter."""

import pytest

from app.accounts.endpoints import checked_endpoint
from app.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        pytest.param("https://api.example.com", "https://api.example.com", id="host"),
        pytest.param("https://api.example.com/", "https://api.example.com", id="last slash"),
        pytest.param("https://api.example.com/a/b/", "https://api.example.com/a/b", id="path"),
        pytest.param("http://127.0.0.1:8081", "http://127.0.0.1:8081", id="loopback"),
        pytest.param("http://[::1]:8081", "http://[::1]:8081", id="loopback of IPv6"),
        pytest.param("http://10.1.2.3", "http://10.1.2.3", id="private"),
        pytest.param("http://ollama:11434", "http://ollama:11434", id="name of a container"),
    ],
)
def test_base_url_is_taken_without_its_last_slash(text: str, stored: str) -> None:
    assert checked_endpoint(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        "api.example.com",
        "ftp://api.example.com",
        "file:///etc/passwd",
        "https://",
        "https:///v1",
        "https://user:password@api.example.com",
        "https://user@api.example.com",
        "https://api.example.com?key=1",
        "https://api.example.com/?",
        "https://api.example.com#part",
        "https://api.example.com:0",
        "https://api.example.com:99999",
        "https://api.example.com:x",
        "https://api.example.com /",
        "https://api.example.com\r\nx: y",
        "https://api.example.com\\@evil",
        "https://ünïcode.example",
        "https://[::1",
        "https://" + "a" * 2000,
        "https://" + "a" * 64 + ".example.com",
        "https://api..example.com",
        "http://169.254.169.254",
        "http://169.254.169.254.",
        "http://2852039166",
        "http://0xa9fea9fe",
        "http://169.16689662",
        "http://[::ffff:169.254.169.254]",
        "http://[fe80::1]",
        "http://[fd00:ec2::254]",
        "http://[64:ff9b::a9fe:a9fe]",
        "http://[2002:a9fe:a9fe::]",
        "http://100.100.100.200",
        "http://0.0.0.0",
        "http://224.0.0.1",
        "http://metadata.google.internal",
        "http://METADATA.google.internal.",
    ],
)
def test_other_urls_are_refused_and_the_field_is_named(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^endpoint: ") as refused:
        checked_endpoint(text)
    assert list(refused.value.details) == ["endpoint"]
