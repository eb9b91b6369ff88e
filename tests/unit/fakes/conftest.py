"""One scripted upstream for all of these tests, empty before each."""

import json
from typing import Any

import pytest

from tests.fakes.raw import RawAnswer, RawClient
from tests.fakes.upstream import Upstream

KEY = "sk-ant-api03-key"


class Caller:
    """Sends one request on a connection of its own."""

    def __init__(self, up: Upstream) -> None:
        self.up = up

    def headers(self, key: str = KEY) -> list[tuple[str, str]]:
        """Return what a client of this kind of credential sends."""
        pairs = [("content-type", "application/json"), ("anthropic-version", "2023-06-01")]
        if key.startswith("sk-ant-oat"):
            return [*pairs, ("authorization", f"Bearer {key}"), ("anthropic-beta", "oauth-2025-04-20")]
        if key.startswith("sk-openai"):
            return [*pairs, ("authorization", f"Bearer {key}")]
        return [*pairs, ("x-api-key", key)]

    def body(self, *, stream: bool = False, text: str = "Good day", **more: Any) -> bytes:
        """Return a small Messages body."""
        asked = {"model": "claude-sonnet-4-6", "max_tokens": 64, "stream": stream}
        return json.dumps({**asked, "messages": [{"role": "user", "content": text}], **more}).encode()

    def post(self, body: bytes | None = None, *, key: str = KEY, path: str = "/v1/messages") -> RawAnswer:
        """Send a POST and read the answer."""
        with RawClient(self.up.url) as line:
            line.request("POST", path, self.headers(key), self.body() if body is None else body)
            return line.answer()

    def get(self, path: str, *, key: str = KEY) -> RawAnswer:
        """Send a GET and read the answer."""
        with RawClient(self.up.url) as line:
            line.request("GET", path, self.headers(key))
            return line.answer()


@pytest.fixture
def call(up: Upstream) -> Caller:
    return Caller(up)
