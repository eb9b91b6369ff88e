"""What the upstream answers is what the client gets: bytes, codings, headers, and every kind of path."""

import json
import zlib
from collections.abc import Callable

import brotli
import pytest

from tests.fakes.raw import RawClient
from tests.fakes.upstream import Upstream, message, payload, status
from tests.integration.calls import HEADERS, MODEL, OWN_KEY, VERSION, ask, body_of, call, error_of
from tests.integration.installation import Installation, key_of
from tests.integration.server import Server

UNZIPPED = {
    "gzip": lambda data: zlib.decompress(data, 31),
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": None,
}


@pytest.fixture(scope="module", autouse=True)
def _account(installation: Installation) -> None:
    installation.accounts("a")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", None])
def test_encoded_answer_comes_down_still_encoded(
    server: Server, installation: Installation, upstream: Upstream, encoding: str | None, stream: bool
) -> None:
    upstream.script(key_of("a"), message(encoding=encoding, events=12, usage={"output_tokens": 321}))
    answer = ask(server, stream=stream, headers=[("Accept-Encoding", "gzip, deflate, br, zstd")])
    (seen,) = upstream.requests()
    assert answer.complete
    assert answer.body == seen.answer_body
    assert answer.header("content-encoding") == encoding
    if unzip := UNZIPPED.get(encoding or ""):
        assert b"message" in unzip(answer.body)
    record = installation.record(answer)
    assert (record["outcome"], record["output_tokens"], record["is_partial"]) == ("complete", 321, 0)


@pytest.mark.parametrize("chunk", ["split-utf8", "split-line", "bytes:1", "bytes:7", "whole"])
def test_split_stream_comes_down_byte_for_byte(
    server: Server, installation: Installation, upstream: Upstream, chunk: str
) -> None:
    upstream.script(key_of("a"), message(text="Größe 🍵 " * 6, chunk=chunk, usage={"output_tokens": 77}))
    answer = ask(server, stream=True)
    (seen,) = upstream.requests()
    assert answer.body == seen.answer_body
    assert b"event: ping" in answer.body
    assert installation.record(answer)["output_tokens"] == 77


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_any_framing_of_the_upstream_comes_down_whole(
    server: Server, upstream: Upstream, framing: str, stream: bool
) -> None:
    upstream.script(key_of("a"), message(framing=framing, events=5))
    answer = ask(server, stream=stream)
    (seen,) = upstream.requests()
    assert (answer.complete, answer.body) == (True, seen.answer_body)


def test_events_come_down_one_by_one(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    step = message(events=4)
    step["gates"] = {"3": "third", "5": "fifth"}
    upstream.script(key_of("a"), step)
    client = raw()
    client.request("POST", "/v1/messages", HEADERS, body_of(stream=True))
    client.read_until(b"event: ping")
    upstream.wait_until_held("third")
    upstream.release("third")
    upstream.wait_until_held("fifth")
    client.read_until(b"content_block_delta")
    upstream.release("fifth")
    client.read_until(b"message_stop")


def test_headers_come_down_with_their_repeats(server: Server, upstream: Upstream) -> None:
    upstream.script(key_of("a"), message(headers=[["X-Odd", "a"], ["x-odd", "b, c"], ["Keep-Alive", "timeout=9"]]))
    answer = ask(server)
    (seen,) = upstream.requests()
    assert [value for name, value in answer.headers if name.lower() == "set-cookie"] == [
        "__cf_bm=fake1; HttpOnly; Secure; Path=/",
        "_cfuvid=fake1; HttpOnly; SameSite=None; Secure; Path=/",
    ]
    assert [value for name, value in answer.headers if name.lower() == "server-timing"] == [
        "x-originResponse;dur=12",
        "cfCacheStatus;desc=DYNAMIC",
    ]
    assert [value for name, value in answer.headers if name.lower() == "x-odd"] == ["a", "b, c"]
    assert answer.header("x-unheard-of") == "kept as it is"
    assert answer.header("server") == "cloudflare"
    assert f"Date: {answer.header('date')}\r\n".encode() in seen.answer_head
    assert answer.header("request-id") == "req_011CFake0000000000000001"
    assert answer.header("keep-alive") is None
    assert (answer.header("x-ccflare-request-id") or "").startswith("req_")
    for line in seen.answer_head.decode().splitlines():
        if line.startswith("anthropic-ratelimit"):
            assert line.partition(": ")[2] in {value for _, value in answer.headers}


def test_interim_answers_are_no_answers(server: Server, upstream: Upstream) -> None:
    upstream.script(key_of("a"), message(informational=[103, 102]))
    answer = ask(server)
    assert (answer.status, answer.complete) == (200, True)


@pytest.mark.parametrize("code", [400, 402, 404, 405, 409, 413, 418, 422, 451])
def test_errors_of_the_clients_own_making_come_down_unchanged(server: Server, upstream: Upstream, code: int) -> None:
    upstream.script(key_of("a"), status(code))
    answer = ask(server)
    (seen,) = upstream.requests()
    assert (answer.status, answer.body) == (code, seen.answer_body)
    assert answer.header("request-id") == "req_011CFake0000000000000001"


def test_redirect_is_handed_down_and_not_followed(server: Server, upstream: Upstream) -> None:
    upstream.script(key_of("a"), status(307, "moved", headers=[["Location", "/v1/messages"]]))
    answer = ask(server)
    assert (answer.status, answer.header("location"), answer.body) == (307, "/v1/messages", b"moved")
    assert len(upstream.requests()) == 1


def test_head_has_the_headers_and_no_body(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    client = raw()
    client.request("HEAD", "/v1/models", HEADERS)
    assert client.answer(bodyless=True).status == 200
    client.request("GET", "/v1/models", HEADERS)
    assert json.loads(client.answer().body)["data"]
    assert [seen.method for seen in upstream.requests()] == ["HEAD", "GET"]


def test_no_content_stays_empty(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    upstream.script(key_of("a"), status(204))
    client = raw()
    client.request("DELETE", "/v1/files/x", HEADERS)
    assert client.answer(bodyless=True).status == 204
    client.request("GET", "/v1/models", HEADERS)
    assert client.answer().status == 200


def test_http_1_0_client_is_served_until_it_closes(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    client, body = raw(), body_of(stream=True)
    head = client.head("POST", "/v1/messages", HEADERS, len(body)).replace(b"HTTP/1.1", b"HTTP/1.0")
    client.send(head + body)
    answer = client.answer()
    (seen,) = upstream.requests()
    assert answer.header("transfer-encoding") is None
    assert (answer.complete, answer.body) == (True, seen.answer_body)


def test_tokens_are_counted_through(server: Server, upstream: Upstream) -> None:
    answer = ask(server, target="/v1/messages/count_tokens?beta=true")
    (seen,) = upstream.requests()
    assert (answer.status, answer.body) == (200, seen.answer_body)


def test_models_are_paged_through(server: Server, upstream: Upstream) -> None:
    names, target = [], "/v1/models?limit=2"
    while target:
        page = json.loads(call(server, "GET", target).body)
        names += [model["id"] for model in page["data"]]
        target = f"/v1/models?limit=2&after_id={page['last_id']}" if page["has_more"] else ""
    assert len(set(names)) == len(names) == 6
    assert [seen.method for seen in upstream.requests()] == ["GET"] * 3


def test_batch_lives_its_whole_life(server: Server, upstream: Upstream) -> None:
    params = {"model": MODEL, "max_tokens": 5, "messages": [{"role": "user", "content": "Grüße"}]}
    asked = json.dumps({"requests": [{"custom_id": "one", "params": params}]}).encode()
    made = json.loads(call(server, "POST", "/v1/messages/batches", body=asked).body)
    path = f"/v1/messages/batches/{made['id']}"
    call(server, "GET", path)
    assert json.loads(call(server, "GET", path).body)["processing_status"] == "ended"
    results = call(server, "GET", f"{path}/results")
    assert results.header("content-type") == "application/x-jsonl"
    assert json.loads(results.body)["custom_id"] == "one"
    assert results.body == upstream.requests()[-1].answer_body
    assert call(server, "DELETE", path).status == 200
    assert error_of(call(server, "GET", path))[:2] == (404, "not_found_error")


def test_file_goes_up_and_comes_back(server: Server, raw: Callable[[], RawClient], upstream: Upstream) -> None:
    content = bytes(range(256)) * 4000
    form = b'--B\r\nContent-Disposition: form-data; name="file"; filename="x.bin"\r\nContent-Type: '
    form += b"application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n" + content + b"\r\n--B--\r\n"
    client = raw()
    kind = ("Content-Type", "multipart/form-data; boundary=B")
    client.request("POST", "/v1/files?beta=true", [VERSION, kind, ("x-api-key", OWN_KEY)], form)
    made = json.loads(client.answer().body)
    (seen,) = upstream.requests()
    assert seen.body == form
    assert seen.header("content-type") == "multipart/form-data; boundary=B"
    down = call(server, "GET", f"/v1/files/{made['id']}/content")
    assert down.header("content-disposition") == 'attachment; filename="x.bin"'
    assert down.body == upstream.requests()[-1].answer_body
    assert len(down.body) == made["size_bytes"]


def test_large_answer_comes_down_whole(server: Server, upstream: Upstream) -> None:
    upstream.script(key_of("a"), payload({"text": "é" * 3_000_000}))
    answer = call(server, "GET", "/v1/files/big/content")
    (seen,) = upstream.requests()
    assert answer.body == seen.answer_body
    assert len(answer.body) > 6_000_000


@pytest.mark.parametrize("path", ["/v1", "/v1/"])
def test_nothing_is_at_the_root(server: Server, upstream: Upstream, path: str) -> None:
    assert error_of(call(server, "GET", path))[:2] == (404, "not_found_error")
    assert upstream.requests() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("HEAD", "/"), ("GET", "/api/hello"), ("HEAD", "/api/hello"), ("POST", "/api/event_logging/v2/batch")],
)
def test_what_clients_call_beside_is_answered_here(server: Server, upstream: Upstream, method: str, path: str) -> None:
    assert call(server, method, path, body=b"{}" if method == "POST" else None).status == 200
    assert upstream.requests() == []


def test_unknown_api_path_is_never_forwarded(server: Server, upstream: Upstream) -> None:
    assert call(server, "GET", "/api/oauth/usage").status == 404
    assert call(server, "GET", "/v2/messages").status == 404
    assert upstream.requests() == []
