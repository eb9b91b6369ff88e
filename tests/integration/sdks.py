"""The vendors' own SDKs, pointed at the server under test, and accounts of both shapes behind it."""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx2
import openai

from app.values import id_from_text
from tests.fakes.upstream import Upstream
from tests.integration.calls import MODEL
from tests.integration.installation import Installation
from tests.integration.server import Server

GPT = "gpt-5.2"
HELLO: Any = {"model": MODEL, "max_tokens": 200, "messages": [{"role": "user", "content": "Hello"}]}
CHAT: Any = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
WEATHER: Any = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
CLOCK: Any = {"type": "object", "properties": {"zone": {"type": "string"}}}
TOOLS: Any = [
    {"name": "weather", "description": "The weather", "input_schema": WEATHER},
    {"name": "clock", "description": "The time", "input_schema": CLOCK},
]
FUNCTIONS: Any = [
    {"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": WEATHER}},
    {"type": "function", "function": {"name": "clock", "description": "The time", "parameters": CLOCK}},
]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

_newest_ids: deque[str] = deque(maxlen=1)


def openai_account(upstream: Upstream, *targets: str) -> dict[str, Any]:
    """Return the columns of an OpenAI-compatible account that maps Sonnet to the targets."""
    mappings = json.dumps({"sonnet": list(targets or (GPT,))})
    return {"provider": "openai-compatible", "endpoint": upstream.url, "model_mappings": mappings}


@contextmanager
def claude(server: Server, key: str = "sk-ant-own") -> Iterator[anthropic.Anthropic]:
    """Give Anthropic's SDK, without retries of its own."""
    with _http() as http:
        yield anthropic.Anthropic(api_key=key, base_url=server.url, max_retries=0, http_client=http)


@contextmanager
def gpt(server: Server, key: str = "sk-own") -> Iterator[openai.OpenAI]:
    """Give OpenAI's SDK, without retries of its own."""
    with _http() as http:
        yield openai.OpenAI(api_key=key, base_url=f"{server.url}/v1", max_retries=0, http_client=http)


def newest(installation: Installation) -> dict[str, Any]:
    """Return the record of the last request that an SDK made, as soon as it is final."""
    return installation.final("SELECT * FROM requests WHERE id = ?", id_from_text(_newest_ids[-1]))


def _http() -> httpx2.Client:
    return httpx2.Client(timeout=30, event_hooks={"response": [_remember]})


def _remember(response: httpx2.Response) -> None:
    _newest_ids.append(response.headers["x-ccflare-request-id"])
