"""The client's side of a request: who it is, its body within bounds, and what is known of it."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from app.access.keys import KeyTable, Principal
from app.errors import (
    CcflareError,
    InvalidInput,
    NoMethod,
    NotAllowed,
    NotAuthenticated,
    NoUpgrade,
    TooLarge,
    TooSlow,
)
from app.flights import Flight
from app.proxy.inbound import authenticate, headers_of, proxy_request, read_body, refused_request, require_http
from config import Settings

SETTINGS = Settings.load({"CCFLARE_MAX_BODY_BYTES": "100000"})
CLIENT = Principal("client", "c", "deadbeef")
ADMIN = Principal("admin", "a", "cafecafe")
LOCAL = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:8080"}


def environ(**more: str) -> dict[str, Any]:
    """Return what the server hands over of a POST to /v1/messages."""
    base = {"REQUEST_METHOD": "POST", "RAW_URI": "/v1/messages?beta=true", "PATH_INFO": "/v1/messages"}
    return {**base, **LOCAL, "CONTENT_TYPE": "application/json", **more}


def body(data: bytes, **more: str) -> dict[str, Any]:
    """Return the same with a body of its length."""
    return {**environ(CONTENT_LENGTH=str(len(data))), "wsgi.input": io.BytesIO(data), **more}


def flight() -> Flight:
    """Return a flight that nobody sweeps."""
    return Flight(None, None)


def made(asked: dict[str, Any] | bytes, principal: Principal = CLIENT, **more: str) -> Any:
    """Return the ProxyRequest of a body."""
    data = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    return proxy_request(environ(**more), principal, data, 5000)


def test_without_any_key_this_machine_may_come_in() -> None:
    assert authenticate(KeyTable(b"pepper"), environ(HTTP_X_API_KEY="sk-ant-own")).name == "local"


@pytest.mark.parametrize(
    "more",
    [
        {"REMOTE_ADDR": "10.0.0.9"},
        {"REMOTE_ADDR": ""},
        {"HTTP_HOST": "evil.com"},
        {"HTTP_VIA": "1.1 x"},
        {"HTTP_X_FORWARDED_PROTO": "https"},
        {"HTTP_ORIGIN": "http://evil.com"},
        {"HTTP_SEC_FETCH_SITE": "Cross-Site"},
    ],
    ids=lambda more: next(iter(more)),
)
def test_others_may_not(more: dict[str, str]) -> None:
    with pytest.raises(NotAuthenticated):
        authenticate(KeyTable(b"pepper"), environ(**more))


def test_while_there_are_keys_one_is_needed() -> None:
    keys = KeyTable(b"pepper")
    keys.is_empty = False
    for more in ({}, {"HTTP_AUTHORIZATION": "Bearer sk-ant-oat01-x"}, {"HTTP_X_API_KEY": "ccf_00000000_x"}):
        with pytest.raises(NotAuthenticated):
            authenticate(keys, environ(**more))


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"REQUEST_METHOD": "TRACE"}, NoMethod),
        ({"REQUEST_METHOD": "CONNECT"}, NoMethod),
        ({"HTTP_UPGRADE": "WebSocket"}, NoUpgrade),
    ],
)
def test_what_is_no_request_is_refused(more: dict[str, str], error: type[CcflareError]) -> None:
    with pytest.raises(error):
        require_http(environ(**more))


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 100_000])
def test_body_is_read_whole(size: int) -> None:
    data = bytes(size % 251 for _ in range(size))
    one = flight()
    assert read_body(body(data), SETTINGS, one) == data
    assert one.deadline == 0.0, "the limit on its wait is lifted"


def test_chunked_body_is_read_whole() -> None:
    given = environ(HTTP_TRANSFER_ENCODING="chunked") | {"wsgi.input": io.BytesIO(b"x" * 70_000)}
    assert read_body(given, SETTINGS, flight()) == b"x" * 70_000


def test_request_without_a_body_reads_nothing() -> None:
    assert read_body(environ(), SETTINGS, flight()) == b""


@pytest.mark.parametrize(
    "given",
    [
        lambda: body(b"", CONTENT_LENGTH="100001"),
        lambda: body(b"x" * 100_001, CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked"),
    ],
    ids=["announced", "counted"],
)
def test_body_above_the_limit_is_refused(given: Callable[[], dict[str, Any]]) -> None:
    with pytest.raises(TooLarge, match="CCFLARE_MAX_BODY_BYTES"):
        read_body(given(), SETTINGS, flight())


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "0x10"])
def test_length_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_body(body(b"", CONTENT_LENGTH=text), SETTINGS, flight())


def test_short_body_is_refused() -> None:
    with pytest.raises(InvalidInput, match="after 3 of 5 bytes"):
        read_body(body(b"abc", CONTENT_LENGTH="5"), SETTINGS, flight())


@pytest.mark.parametrize(("raised", "expected"), [(OSError("gone"), InvalidInput), (TooSlow("slow"), TooSlow)])
def test_body_that_breaks_off_is_refused(raised: Exception, expected: type[Exception]) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise raised

    with pytest.raises(expected):
        read_body(body(b"abc") | {"wsgi.input": Broken()}, SETTINGS, flight())


def test_request_is_told_by_its_body_and_headers() -> None:
    request = made(
        {
            "model": "claude-sonnet-4-6",
            "stream": True,
            "metadata": {"user_id": json.dumps({"session_id": "from-body"})},
        },
        HTTP_X_CLAUDE_CODE_AGENT_ID="agent",
        HTTP_X_CLAUDE_CODE_PARENT_AGENT_ID="parent",
    )
    assert (request.model, request.stream, request.session_id) == ("claude-sonnet-4-6", True, "from-body")
    assert (request.agent_id, request.parent_agent_id, request.key_id) == ("agent", "parent", "deadbeef")
    assert (request.target, request.path, request.received_at) == ("/v1/messages?beta=true", "/v1/messages", 5000)


def test_session_in_the_header_comes_first_and_is_bounded() -> None:
    asked = {"metadata": {"user_id": json.dumps({"session_id": "from-body"})}}
    assert made(asked, HTTP_X_CLAUDE_CODE_SESSION_ID="h" * 999).session_id == "h" * 200


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"\xff"])
def test_body_that_says_nothing_passes(data: bytes) -> None:
    request = made(data)
    assert (request.model, request.stream, request.session_id, request.body) == (None, False, None, data)


def test_absolute_target_is_taken_as_its_path() -> None:
    assert made({}, RAW_URI="http://localhost:8080/v1/x?y=http://z").target == "/v1/x?y=http://z"


def test_account_is_chosen_by_admins_only() -> None:
    assert made({}, ADMIN, HTTP_X_CCFLARE_ACCOUNT="work").forced_account == "work"
    with pytest.raises(NotAllowed):
        made({}, HTTP_X_CCFLARE_ACCOUNT="work")


@pytest.mark.parametrize(
    ("models", "model", "is_allowed"),
    [
        (("claude-sonnet-4-6",), "claude-sonnet-4-6", True),
        (("sonnet",), "claude-sonnet-4-6", True),
        (("haiku",), "claude-sonnet-4-6", False),
        ((), "anything", True),
    ],
)
def test_key_asks_for_its_models_only(models: tuple[str, ...], model: str, is_allowed: bool) -> None:
    principal = Principal("client", "c", "deadbeef", models)
    if is_allowed:
        assert made({"model": model}, principal).model == model
    else:
        with pytest.raises(NotAllowed, match=model):
            made({"model": model}, principal)


def test_headers_come_as_the_client_named_them() -> None:
    given = environ(HTTP_X_ODD_NAME="1, 2", CONTENT_LENGTH="")
    assert ("x-odd-name", "1, 2") in headers_of(given)
    assert ("content-type", "application/json") in headers_of(given)
    assert "content-length" not in dict(headers_of(given))


def test_refused_request_is_known_without_its_body() -> None:
    request = refused_request(environ(), "deadbeef")
    assert (request.method, request.path, request.body, request.key_id) == ("POST", "/v1/messages", b"", "deadbeef")


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        pytest.param({"requests": [{"params": {"max_tokens": 1}}]}, "/v1/messages/batches", id="batch"),
        pytest.param({"requests": [7]}, "/v1/messages/batches", id="odd batch"),
        pytest.param({"requests": []}, "/v1/messages/batches", id="empty batch"),
        pytest.param(b"\x1f\x8b not what it says", "/v1/messages/batches", id="unreadable batch"),
        pytest.param(b"\x1f\x8b not what it says", "/v1/messages", id="unreadable"),
        pytest.param(b"\x1f\x8b not what it says", "/v1/filesystem", id="not the files"),
    ],
)
def test_key_for_certain_models_sends_nothing_without_one(asked: dict[str, Any] | bytes, path: str) -> None:
    principal = Principal("client", "c", "deadbeef", ("haiku",))
    with pytest.raises(NotAllowed, match="certain models"):
        made(asked, principal, RAW_URI=path)
    assert made(asked, CLIENT, RAW_URI=path).model is None


def test_key_for_certain_models_may_send_files() -> None:
    assert made(b"--x--", Principal("client", "c", "deadbeef", ("haiku",)), RAW_URI="/v1/files").body == b"--x--"


def test_key_for_certain_models_asks_for_no_other_in_a_batch() -> None:
    principal, path = Principal("client", "c", "deadbeef", ("haiku",)), "/v1/messages/batches"
    allowed = {"params": {"model": "claude-haiku-4-5"}}
    assert made({"requests": [allowed, allowed]}, principal, RAW_URI=path).path == path
    for hidden in ({}, {"model": "claude-haiku-4-5"}):
        with pytest.raises(NotAllowed, match="claude-opus-4-8"):
            made({**hidden, "requests": [allowed, {"params": {"model": "claude-opus-4-8"}}]}, principal, RAW_URI=path)


@pytest.mark.parametrize(
    "target",
    [
        *(
            "x:/v1/x://h/api/oauth/claude_cli/create_api_key",
            "http:/v1/://x/_other",
            "//v1/messages",
            "//x/v1/messages",
        ),
        *("/%76%31/messages", "/v1%2fmessages", "http://host", "http://host/other", "v1/messages", "*"),
    ],
)
def test_only_what_is_written_below_v1_goes_up(target: str) -> None:
    with pytest.raises(InvalidInput, match="/v1/"):
        made(b"", RAW_URI=target)


@pytest.mark.parametrize("target", ["http://host/v1/messages?beta=true", "HTTPS://h:1/v1/messages?beta=true"])
def test_absolute_form_is_read_as_its_path(target: str) -> None:
    assert made(b"", RAW_URI=target).target == "/v1/messages?beta=true"


@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip", "identity", "chunked, chunked"])
def test_coding_of_the_transfer_is_refused(coding: str) -> None:
    with pytest.raises(InvalidInput, match="transfer-encoding"):
        require_http(environ(HTTP_TRANSFER_ENCODING=coding))
    require_http(environ(HTTP_TRANSFER_ENCODING=" Chunked "))


def test_names_hold_what_any_database_takes() -> None:
    odd = {"model": "a\ud800b\x00c", "metadata": {"user_id": json.dumps({"session_id": "s\x00\ud800"})}}
    found = made(json.dumps(odd).encode())
    assert (found.model, found.session_id) == ("a?b?c", "s??")
