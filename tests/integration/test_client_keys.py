"""Who may use the proxy: a client key in either header; without any key only this machine itself."""

from collections.abc import Callable

import pytest

from tests.fakes.raw import Pairs, RawAnswer, RawClient
from tests.fakes.upstream import Upstream
from tests.integration.calls import JSON, VERSION, body_of, error_of, request_id_of
from tests.integration.installation import Installation, key_of
from tests.integration.server import Server, eventually


@pytest.fixture(scope="module")
def keys(server: Server, installation: Installation) -> dict[str, str]:
    """A client's key, an admin's, and one that was revoked; all in force in every worker."""
    made = {
        "client": installation.key("client"),
        "admin": installation.key("admin", "admin"),
        "revoked": installation.key("revoked"),
    }
    for pid in server.worker_pids():
        eventually(lambda pid=pid: asked(installation.line(pid), [("x-api-key", made["client"])]).status == 200)
        eventually(lambda pid=pid: asked(installation.line(pid), [("x-api-key", made["revoked"])]).status == 200)
    installation.revoke("revoked")
    for pid in server.worker_pids():
        eventually(lambda pid=pid: asked(installation.line(pid), [("x-api-key", made["revoked"])]).status == 401)
    return made


def asked(client: RawClient, headers: Pairs, *, host: str | None = None) -> RawAnswer:
    """Return the answer to a request with these headers."""
    body = body_of()
    head = client.head("POST", "/v1/messages", [VERSION, JSON, *headers], len(body))
    if host is not None:
        head = head.replace(f"Host: {client.host}".encode(), f"Host: {host}".encode())
    client.send(head + body)
    return client.answer()


@pytest.fixture(scope="module", autouse=True)
def _accounts(installation: Installation) -> None:
    installation.accounts("a", "b")


FOREIGN: dict[str, tuple[Pairs, str | None]] = {
    "rebound-name": ([], "evil.com"),
    "rebound-name-with-port": ([], "evil.com:80"),
    "name-that-begins-like-ours": ([], "localhost.evil.com"),
    "address-that-begins-like-ours": ([], "127.0.0.1.evil.com"),
    "forwarded-for": ([("X-Forwarded-For", "127.0.0.1")], None),
    "forwarded": ([("Forwarded", "for=127.0.0.1")], None),
    "real-ip": ([("X-Real-IP", "127.0.0.1")], None),
    "via": ([("Via", "1.1 proxy")], None),
    "client-ip": ([("X-Client-IP", "127.0.0.1")], None),
    "connecting-ip": ([("CF-Connecting-IP", "127.0.0.1")], None),
    "forwarded-port": ([("X-Forwarded-Port", "443")], None),
    "other-origin": ([("Origin", "https://evil.com")], None),
    "null-origin": ([("Origin", "null")], None),
    "cross-site": ([("Sec-Fetch-Site", "cross-site")], None),
    "same-site": ([("Sec-Fetch-Site", "same-site")], None),
}


@pytest.mark.parametrize(("headers", "host"), FOREIGN.values(), ids=FOREIGN)
def test_keyless_request_from_elsewhere_is_refused(
    raw: Callable[[], RawClient], upstream: Upstream, headers: Pairs, host: str | None
) -> None:
    assert error_of(asked(raw(), headers, host=host))[:2] == (401, "authentication_error")
    assert upstream.requests() == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1", "127.8.9.1:1", "[::1]:8080", "localhost."])
def test_keyless_request_from_this_machine_is_served(raw: Callable[[], RawClient], host: str) -> None:
    headers = [("Origin", "http://localhost:3000"), ("Sec-Fetch-Site", "same-origin")]
    assert asked(raw(), headers, host=host).status == 200


@pytest.mark.parametrize(
    "form",
    [
        lambda key: [("x-api-key", key)],
        lambda key: [("Authorization", f"Bearer {key}")],
        lambda key: [("authorization", f"BEARER   {key} ")],
        lambda key: [("x-api-key", "sk-ant-api03-other"), ("Authorization", f"Bearer {key}")],
        lambda key: [("x-api-key", key), ("Authorization", "Bearer sk-ant-oat01-other")],
        lambda key: [("x-api-key", key), ("Authorization", f"Bearer {key}")],
    ],
    ids=["x-api-key", "bearer", "bearer-loose", "bearer-beside-other", "key-beside-log-in", "both"],
)
def test_client_key_is_taken_in_either_header(
    raw: Callable[[], RawClient],
    installation: Installation,
    upstream: Upstream,
    keys: dict[str, str],
    form: Callable[[str], Pairs],
) -> None:
    elsewhere = [("X-Forwarded-For", "9.9.9.9"), ("X-Auth-Token", keys["client"]), ("Api-Key", keys["client"])]
    answer = asked(raw(), [*form(keys["client"]), *elsewhere], host="proxy.example")
    assert answer.status == 200
    (seen,) = upstream.requests()
    assert (seen.header("x-api-key"), seen.header("authorization")) == (key_of("a"), None)
    assert b"ccf_" not in seen.head
    assert installation.record(answer)["key_id"] == keys["client"][4:12]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("x-api-key", "sk-ant-api03-own")],
        [("x-api-key", "ccf_00000000_wrong")],
        [("Authorization", "Bearer ccf_")],
        [("Authorization", "Basic Y2NmXw==")],
        [("x-api-key", "ccf_\xe9\xff")],
    ],
    ids=["none", "other-kind", "unknown", "empty", "basic", "not-ascii"],
)
@pytest.mark.usefixtures("keys")
def test_wrong_key_is_refused(raw: Callable[[], RawClient], upstream: Upstream, headers: Pairs) -> None:
    assert error_of(asked(raw(), headers))[:2] == (401, "authentication_error")
    assert upstream.requests() == []


def test_key_with_a_changed_end_or_a_revoked_one_is_refused(
    raw: Callable[[], RawClient], installation: Installation, upstream: Upstream, keys: dict[str, str]
) -> None:
    for wrong in (keys["client"][:-1], keys["client"] + "x", keys["client"].upper(), keys["revoked"]):
        answer = asked(raw(), [("x-api-key", wrong)])
        assert error_of(answer)[:2] == (401, "authentication_error")
        assert wrong.encode() not in answer.body
        assert installation.record(answer)["outcome"] == "refused"
    assert upstream.requests() == []


@pytest.mark.parametrize("name", ["x-api-key", "Authorization"])
@pytest.mark.parametrize("form", ["joined", "repeated"])
def test_doubled_credential_is_malformed(
    raw: Callable[[], RawClient], upstream: Upstream, keys: dict[str, str], name: str, form: str
) -> None:
    value = keys["client"] if name == "x-api-key" else f"Bearer {keys['client']}"
    headers = [(name, f"{value}, {value}")] if form == "joined" else [(name, value), (name, value)]
    assert error_of(asked(raw(), headers))[:2] == (400, "invalid_request_error")
    assert upstream.requests() == []


def test_only_an_admin_key_chooses_the_account(
    raw: Callable[[], RawClient], upstream: Upstream, keys: dict[str, str]
) -> None:
    chosen = ("x-ccflare-account", "b")
    assert error_of(asked(raw(), [("x-api-key", keys["client"]), chosen]))[:2] == (403, "permission_error")
    assert asked(raw(), [("x-api-key", keys["admin"]), chosen]).status == 200
    assert [seen.credential for seen in upstream.requests()] == [key_of("b")]


def test_chosen_account_is_never_replaced(
    raw: Callable[[], RawClient], installation: Installation, keys: dict[str, str]
) -> None:
    answer = asked(raw(), [("x-api-key", keys["admin"]), ("x-ccflare-account", "nobody")])
    code, _, text = error_of(answer)
    assert code in (400, 404, 503)
    assert "nobody" in text
    assert request_id_of(answer)


@pytest.mark.usefixtures("keys")
def test_what_clients_call_beside_needs_no_key(server: Server) -> None:
    assert server.call("HEAD", "/")[0] == 200
    assert server.get("/api/hello")[0] == 200
    assert server.get("/health")[0] == 200
