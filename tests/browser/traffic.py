"""What the pages that watch are shown with: a failover, tools, hostile text, agents, failures, some history."""

import json
from typing import Any

from app.clock import now_ms
from app.values import id_text
from tests.fakes import steps
from tests.fakes.upstream import Upstream
from tests.integration.installation import Installation, key_of
from tests.integration.server import Server, eventually
from tests.unit.usage.records import attempt, end, put

SESSION = "5f1d6c1e-77aa-4c1b-9d1e-0a2b3c4d5e6f"
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
TOOLS = [{"name": "read_file", "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}}}]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
FIRST: list[dict[str, Any]] = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": f"Größe & 日本語 {HOSTILE}"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        ],
    }
]
CALL = {"type": "tool_use", "id": "toolu_1", "name": "read_file", "input": {"path": "münze.py"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True, "content": "E   'ä' != 'a'"}
SECOND = [
    *FIRST,
    {"role": "assistant", "content": [CALL]},
    {"role": "user", "content": [RESULT]},
]
LONG = [
    {"role": "user" if at % 2 == 0 else "assistant", "content": f"Turn {at}. " + "word " * 300} for at in range(201)
]


def send(server: Server, messages: Any, session: str = SESSION, agent: str = "", **body: Any) -> int:
    """Send one request as a client does; return its status."""
    asked = {"model": "claude-opus-4-8", "max_tokens": 100, "stream": True, "messages": messages, **body}
    headers = {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "x-claude-code-session-id": session,
        **({"x-claude-code-agent-id": agent} if agent else {}),
    }
    return server.call("POST", "/v1/messages", json.dumps(asked, ensure_ascii=False).encode(), headers)[0]


def make(server: Server, installation: Installation, upstream: Upstream) -> None:
    """Make two accounts and everything that the pages show."""
    installation.accounts("alpha", "beta")
    at = now_ms()
    with installation.entered():
        put(*(end(at - 60_000 * number, session_id=f"old-{number // 9}") for number in range(2, 200, 3)))
        put(end(at - 90_000, status=529, error="Overloaded", attempts=[attempt(1, "overloaded", 529)]))
    send(server, FIRST, system="Work in small steps.", tools=TOOLS)
    upstream.script(key_of("alpha"), [steps.limited("5h", reset_in_s=5400)])
    upstream.script(key_of("beta"), [steps.message(thinking="One umlaut.", text="It is the umlaut. ✓")])
    assert send(server, SECOND, system="Work in small steps.", tools=TOOLS) == 200
    assert send(server, [{"role": "user", "content": "Look around"}], agent="explorer") == 200
    assert send(server, LONG, "long-session") == 200
    last = "SELECT count(*) FROM requests WHERE session_id = 'long-session' AND outcome = 'complete'"
    eventually(lambda: installation.scalar(last))


def address(installation: Installation, query: str) -> str:
    """Return the page of the request whose id a query finds."""
    return f"/dashboard/requests/{id_text(installation.scalar(query))}"
