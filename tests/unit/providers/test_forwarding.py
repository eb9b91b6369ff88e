"""Which headers go up, with which codings, and to which URL."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.providers.forwarding import api_root, joined_url, passed_up, readable_codings

IDENTITY = ("accept-encoding", "identity")


@pytest.mark.parametrize(
    "name",
    [
        "Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Authorization",
        "Proxy-Connection", "Host", "Content-Length", "Expect", "Authorization", "X-Api-Key", "x-API-key", "Cookie",
        "X-Ccflare-Account", "x-ccflare-anything", "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Via",
        "X-Real-IP",
    ],
)  # fmt: skip
def test_header_of_the_hop_or_the_client_stays_here(name: str) -> None:
    assert passed_up(((name, "v"), ("x-app", "cli"))) == [("x-app", "cli"), IDENTITY]


@pytest.mark.parametrize(
    "name",
    [
        "anthropic-version",
        "anthropic-beta",
        "X-Stainless-Lang",
        "x-unheard-of",
        "Content-Encoding",
        "Set-Cookie2",
        "x-api-keys",
    ],
)
def test_any_other_header_goes_up(name: str) -> None:
    assert passed_up(((name, "v"),)) == [(name, "v"), IDENTITY]


def test_order_case_and_repeats_are_kept() -> None:
    headers = (("B", "1"), ("a", "2"), ("B", "3"), ("Host", "x"), ("Accept-Encoding", "gzip"), ("b", "4"))
    assert passed_up(headers) == [("B", "1"), ("a", "2"), ("B", "3"), ("Accept-Encoding", "gzip"), ("b", "4")]


def test_header_named_by_connection_is_dropped() -> None:
    headers = (
        ("X-Hop", "1"),
        ("Connection", "keep-alive, x-HOP"),
        ("x-stays", "2"),
        ("connection", "Other"),
        ("other", "3"),
    )
    assert passed_up(headers) == [("x-stays", "2"), IDENTITY]


def test_identity_is_asked_for_when_connection_names_the_codings() -> None:
    assert passed_up((("accept-encoding", "gzip"), ("connection", "accept-encoding"))) == [IDENTITY]


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        pytest.param("gzip, deflate, br, zstd", "gzip, deflate, br, zstd", id="all readable"),
        pytest.param("gzip,br;q=0.5", "gzip,br;q=0.5", id="unchanged to the byte"),
        pytest.param("GZIP;q=1.0, compress", "GZIP;q=1.0", id="one is not readable"),
        pytest.param("dcb, gzip;q=0.8 ,*;q=0.1", "gzip;q=0.8", id="dictionary and star"),
        pytest.param("identity;q=0, gzip", "identity;q=0, gzip", id="refused identity"),
        pytest.param("compress, *", "", id="nothing left"),
    ],
)
def test_codings_that_the_meter_cannot_read_are_not_asked_for(asked: str, sent: str) -> None:
    assert readable_codings(asked) == sent


def test_identity_takes_the_place_of_codings_that_are_all_unreadable() -> None:
    assert passed_up((("Accept-Encoding", "compress"), ("a", "b"))) == [("a", "b"), IDENTITY]


@pytest.mark.parametrize(
    ("base", "target", "url"),
    [
        ("https://api.anthropic.com", "/v1/messages?beta=true", "https://api.anthropic.com/v1/messages?beta=true"),
        ("https://api.anthropic.com/", "/v1/messages", "https://api.anthropic.com/v1/messages"),
        ("https://api.z.ai/api/anthropic", "/v1/messages", "https://api.z.ai/api/anthropic/v1/messages"),
        ("https://openrouter.ai/api/v1", "/v1/messages", "https://openrouter.ai/api/v1/messages"),
        ("https://x.test/a/v1/messages", "/v1/messages/count_tokens", "https://x.test/a/v1/messages/count_tokens"),
        (
            "http://127.0.0.1:9/v1/",
            "/v1/files/a%2Fb%20c?x=..%2F&y=/../",
            "http://127.0.0.1:9/v1/files/a%2Fb%20c?x=..%2F&y=/../",
        ),
        ("http://[::1]:9", "/v1/files/a..b/.hidden", "http://[::1]:9/v1/files/a..b/.hidden"),
    ],
)
def test_target_is_joined_raw_and_v1_never_doubled(base: str, target: str, url: str) -> None:
    assert joined_url(base, target) == url


@pytest.mark.parametrize(
    "target",
    [
        "/v1/../api/oauth/usage", "/v1/..", "/v1/./messages", "/v1/%2e%2e/api", "/v1/.%2E/api", "/v1/..%2fapi",
        "/v1%2f..%2fapi", "/v1/..\\api", "/v1\\..\\api", "/v1/..%5Capi", "/v1/messages#x", "/v1/a b", "/v1/\x00",
        "/v1/ü", "@evil.test/v1/messages", "http://evil.test/v1/messages", "", "v1/messages", "/v1/..?x", "/v1/%2e",
    ],
)  # fmt: skip
def test_target_that_could_leave_v1_is_refused(target: str) -> None:
    with pytest.raises(InvalidInput):
        joined_url("https://api.anthropic.com", target)


@given(st.text(alphabet="/.%2eE5cCfFv1ab\\", max_size=30))
def test_no_accepted_target_decodes_to_a_dot_segment(tail: str) -> None:
    try:
        url = joined_url("https://h.test", f"/v1/{tail}")
    except InvalidInput:
        return
    path = unquote(url.removeprefix("https://h.test")).replace("\\", "/")
    assert not {".", ".."} & set(path.split("/"))


@pytest.mark.parametrize(
    ("base", "root"),
    [
        ("https://h.test/v1", "https://h.test"),
        (" https://h.test/p/v1/messages/ ", "https://h.test/p"),
        ("https://h.test/v1beta", "https://h.test/v1beta"),
    ],
)
def test_root_of_a_base_url(base: str, root: str) -> None:
    assert api_root(base) == root
