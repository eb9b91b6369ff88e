"""Requests as clients of the Messages API send them, over bare connections."""

import json
from typing import Any

from tests.fakes.raw import Pairs, RawAnswer, RawClient
from tests.integration.server import Server

MODEL = "claude-sonnet-4-6"
OWN_KEY = "sk-ant-api03-the-clients-own"
VERSION = ("anthropic-version", "2023-06-01")
JSON = ("Content-Type", "application/json")
HEADERS: Pairs = [VERSION, JSON, ("x-api-key", OWN_KEY)]


def body_of(prompt: str = "Hello", **more: Any) -> bytes:
    """Return the body of a request for a message."""
    asked = {"model": MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": prompt}], **more}
    return json.dumps(asked, ensure_ascii=False).encode()


def send(client: RawClient, *, target: str = "/v1/messages", headers: Pairs | None = None, **more: Any) -> None:
    """Send a whole request for a message without reading its answer."""
    client.request("POST", target, [*HEADERS, *(headers or [])], body_of(**more))


def ask(server: Server, *, target: str = "/v1/messages", headers: Pairs | None = None, **more: Any) -> RawAnswer:
    """Return the answer to a request for a message, on a connection of its own."""
    with server.raw(timeout_s=30) as client:
        send(client, target=target, headers=headers, **more)
        return client.answer()


def call(
    server: Server, method: str, target: str, headers: Pairs | None = None, body: bytes | None = None
) -> RawAnswer:
    """Return the answer to any request with the usual headers, on a connection of its own."""
    with server.raw(timeout_s=30) as client:
        client.request(method, target, [*HEADERS, *(headers or [])], body)
        return client.answer(bodyless=method == "HEAD")


def error_of(answer: RawAnswer) -> tuple[int, str, str]:
    """Return status, type and message of an error in Anthropic's shape."""
    told = json.loads(answer.body)
    assert told["type"] == "error"
    return answer.status, told["error"]["type"], told["error"]["message"]


def request_id_of(answer: RawAnswer) -> str:
    """Return the proxy's own id of a request."""
    found = answer.header("x-ccflare-request-id")
    assert found is not None
    return found
