"""What a client sends is what the upstream gets: body, target and headers, less credentials and hop-by-hop fields."""

import json
from collections.abc import Callable

import pytest

from tests.fakes.raw import RawClient
from tests.fakes.upstream import Upstream
from tests.integration.calls import HEADERS, JSON, OWN_KEY, VERSION, ask, body_of, call, send
from tests.integration.installation import Installation, key_of
from tests.integration.server import Server


@pytest.fixture(scope="module", autouse=True)
def _account(installation: Installation) -> None:
    installation.accounts("a")


def test_body_goes_up_byte_for_byte(server: Server, upstream: Upstream) -> None:
    body = b' {"max_tokens" : 5,\t"model":"claude-sonnet-4-6","zz\\u00e9":[1.0,1e3],"messages":[{"role":"user",'
    body += '"content":"Ωπ 🍵"}],"max_tokens":6,"unheard_of":{"b":1,"a":null}}\n'.encode()
    assert call(server, "POST", "/v1/messages", body=body).status == 200
    (seen,) = upstream.requests()
    assert seen.body == body
    assert seen.header("content-length") == str(len(body))


@pytest.mark.parametrize("body", [b"{not json", b"\xff\xfe\x00", b"[]", b'"text"', b"{" * 5000])
def test_body_that_does_not_parse_passes_on_as_it_is(server: Server, upstream: Upstream, body: bytes) -> None:
    answer = call(server, "POST", "/v1/messages", body=body)
    (seen,) = upstream.requests()
    assert seen.body == body
    assert answer.status == 400
    assert answer.body == seen.answer_body


@pytest.mark.parametrize(
    "target",
    [
        "/v1/messages?beta=true",
        "/v1/messages?beta=true&x=%2F%20+y&empty=&beta=false",
        "/v1/a%2Fb%3f%41//c;d=1/~x?q=%C3%A9?again",
        "/v1//double//slash/",
        "/v1/files/%F0%9F%8D%B5/content",
        "/v1/models/us.anthropic:claude@2025",
    ],
)
def test_target_goes_up_as_it_was_written(server: Server, upstream: Upstream, target: str) -> None:
    call(server, "POST", target, body=body_of())
    assert [seen.target for seen in upstream.requests()] == [target]


@pytest.mark.parametrize("target", ["/v1/../api/oauth/usage", "/v1/%2e%2e/x", "/v1/files/..%2f..%2fx", "/v1/a\\..\\b"])
def test_target_that_could_leave_the_api_is_refused(server: Server, upstream: Upstream, target: str) -> None:
    answer = call(server, "POST", target, body=body_of())
    assert answer.status in (400, 404)
    assert upstream.requests() == []


@pytest.mark.parametrize(
    "target",
    ["x:/v1/x://h/api/oauth/claude_cli/create_api_key", "http:/v1/://x/api/oauth/profile", "//v1/v1/messages"],
)
def test_target_that_two_readers_read_differently_is_refused(
    raw: Callable[[], RawClient], upstream: Upstream, target: str
) -> None:
    client = raw()
    client.request("POST", target, HEADERS, body_of())
    assert client.answer().status in (400, 404)
    assert upstream.requests() == []


def test_absolute_target_is_taken_as_its_path(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    client = raw()
    client.request("POST", f"http://{client.host}/v1/messages?beta=true", HEADERS, body_of())
    assert client.answer().status == 200
    assert [seen.target for seen in upstream.requests()] == ["/v1/messages?beta=true"]


def test_unknown_headers_go_up_and_hop_by_hop_ones_stay(server: Server, upstream: Upstream) -> None:
    headers = [
        ("anthropic-beta", "one-2025-01-01,two-2026-02-02"),
        ("X-Unheard-Of", "  kept, as it is  "),
        ("User-Agent", "claude-cli/2.1 (external, cli)"),
        ("x-stainless-retry-count", "0"),
        ("X-Claude-Code-Session-Id", "11111111-2222-3333-4444-555555555555"),
        ("Connection", "keep-alive, X-Hop"),
        ("X-Hop", "drop me"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("x-ccflare-debug", "drop me"),
    ]
    assert ask(server, headers=headers).status == 200
    (seen,) = upstream.requests()
    assert seen.header("anthropic-version") == VERSION[1]
    assert seen.header("anthropic-beta") == "one-2025-01-01,two-2026-02-02"
    assert seen.header("x-unheard-of") == "kept, as it is"
    assert seen.header("user-agent") == "claude-cli/2.1 (external, cli)"
    assert seen.header("x-claude-code-session-id") == "11111111-2222-3333-4444-555555555555"
    for name in ("x-hop", "keep-alive", "te", "x-ccflare-debug", "connection", "x-forwarded-for", "via"):
        assert seen.header(name) is None, name
    assert seen.header("host") == upstream.url.removeprefix("http://")


@pytest.mark.parametrize(
    "credentials",
    [
        [("x-api-key", OWN_KEY)],
        [("Authorization", f"Bearer {OWN_KEY}")],
        [("authorization", "bearer sk-ant-oat01-own"), ("X-API-KEY", OWN_KEY)],
        [("Cookie", "session=secret"), ("x-api-key", OWN_KEY)],
        [],
    ],
    ids=["x-api-key", "bearer", "both", "cookie", "none"],
)
def test_account_credential_replaces_the_clients(
    raw: Callable[[], RawClient], upstream: Upstream, credentials: list[tuple[str, str]]
) -> None:
    client = raw()
    client.request("POST", "/v1/messages", [VERSION, JSON, *credentials], body_of())
    assert client.answer().status == 200
    (seen,) = upstream.requests()
    assert [pair for pair in seen.headers if pair[0].lower() in ("x-api-key", "authorization", "cookie")] == [
        ("x-api-key", key_of("a"))
    ]
    assert b"own" not in seen.head
    assert b"secret" not in seen.head


def test_version_of_the_client_is_never_invented(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    client = raw()
    client.request("POST", "/v1/messages", [JSON], body_of())
    answer = client.answer()
    (seen,) = upstream.requests()
    assert seen.header("anthropic-version") is None
    assert (answer.status, answer.body) == (400, seen.answer_body)


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (None, "identity"),
        ("gzip, deflate, br, zstd", "gzip, deflate, br, zstd"),
        ("br;q=0.9, compress, gzip", "br;q=0.9, gzip"),
        ("exi", "identity"),
    ],
    ids=["none", "all", "some", "unreadable"],
)
def test_codings_are_the_clients_less_the_unreadable(
    server: Server, upstream: Upstream, asked: str | None, sent: str
) -> None:
    ask(server, headers=[("Accept-Encoding", asked)] if asked else [])
    (seen,) = upstream.requests()
    assert seen.header("accept-encoding") == sent


def test_chunked_upload_arrives_whole(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    client, body = raw(), body_of("x" * 150_000)
    client.send(client.head("POST", "/v1/messages", [*HEADERS, ("Transfer-Encoding", "chunked")]))
    for start in range(0, len(body), 7001):
        piece = body[start : start + 7001]
        client.send(b"%X;ext=1\r\n%b\r\n" % (len(piece), piece))
    client.send(b"0\r\nX-Trailer: 1\r\n\r\n")
    assert client.answer().status == 200
    (seen,) = upstream.requests()
    assert seen.body == body
    assert seen.header("content-length") == str(len(body))
    assert seen.header("transfer-encoding") is None


def test_expect_is_answered_before_the_body_comes(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    client, body = raw(), body_of()
    client.send(client.head("POST", "/v1/messages", [*HEADERS, ("Expect", "100-continue")], len(body)))
    assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100")
    client.send(body)
    assert client.answer().status == 200
    (seen,) = upstream.requests()
    assert seen.body == body
    assert seen.header("expect") is None


def test_one_connection_serves_many_requests(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    client = raw()
    for number in range(5):
        send(client, prompt=f"number {number}", stream=number % 2 == 0)
        assert client.answer().complete
    assert [seen.json()["messages"][0]["content"] for seen in upstream.requests()] == [f"number {n}" for n in range(5)]


def test_pipelined_requests_are_answered_in_order(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    client = raw()
    for name in ("one", "two", "three"):
        send(client, prompt=name)
    texts = [json.loads(client.answer().body)["content"][0]["text"] for _ in range(3)]
    assert [text.split("“")[1].split("”")[0] for text in texts] == ["one", "two", "three"]
