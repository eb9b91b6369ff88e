"""OpenAI's SDK, and bare clients of its API, served by Anthropic accounts, and byte-true by their own kind."""

import json
from typing import Any

import openai
import pytest

from tests.fakes.raw import Pairs, RawAnswer, RawClient
from tests.fakes.upstream import (
    Step,
    Upstream,
    cut,
    early_end,
    forbidden,
    limited,
    message,
    mid_stream_error,
    overloaded,
    payload,
    rst,
    status,
)
from tests.integration.calls import MODEL
from tests.integration.installation import Installation, key_of
from tests.integration.sdks import CHAT, FUNCTIONS, GPT, PIXEL, gpt, newest, openai_account
from tests.integration.server import Server, eventually

KEY = key_of("a")
RESPOND: Any = {"model": MODEL, "input": "Hello"}
HEADERS: Pairs = [("Content-Type", "application/json"), ("Authorization", "Bearer sk-own")]


@pytest.fixture(autouse=True)
def _account(installation: Installation, upstream: Upstream) -> None:
    installation.accounts("a")


def post(server: Server, path: str, asked: Any, headers: Pairs | None = None) -> RawAnswer:
    """Return the answer to a request of an OpenAI client, on a connection of its own."""
    with server.raw(timeout_s=30) as client:
        client.request("POST", path, [*HEADERS, *(headers or [])], json.dumps(asked).encode())
        return client.answer()


def test_completion_goes_up_as_a_message(server: Server, upstream: Upstream) -> None:
    upstream.script(KEY, message(text="Hello to you"))
    with gpt(server) as client:
        answer = client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "developer", "content": "Be brief"}, {"role": "user", "content": "Hello"}],
            max_completion_tokens=99,
            extra_headers={"OpenAI-Organization": "org-1"},
        )
    (seen,) = upstream.requests()
    assert (seen.target, seen.credential) == ("/v1/messages", KEY)
    assert seen.header("anthropic-version") == "2023-06-01"
    assert seen.header("openai-organization") is None
    assert seen.header("authorization") is None
    asked = seen.json()
    assert (asked["model"], asked["max_tokens"]) == (MODEL, 99)
    assert asked["system"] == [{"type": "text", "text": "Be brief"}]
    assert answer.choices[0].message.content == "Hello to you"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.object == "chat.completion"
    assert answer._request_id == "req_011CFake0000000000000001"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_tokens_of_every_class_are_recorded(
    server: Server, installation: Installation, upstream: Upstream, path: str, stream: bool
) -> None:
    counted = {
        "input_tokens": 10,
        "cache_read_input_tokens": 20,
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
        "output_tokens": 5,
    }
    upstream.script(KEY, message(usage=counted))
    asked = CHAT if path.endswith("completions") else RESPOND
    answer = post(server, path, {**asked, "stream": stream})
    assert (answer.status, answer.complete) == (200, True)
    record = installation.record(answer)
    names = ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens")
    assert [record[name] for name in names] == [10, 20, 3, 4, 5]
    assert (record["outcome"], record["stop_reason"], record["stream"]) == ("complete", "end_turn", int(stream))
    assert record["path"] == path


def test_stream_of_chunks_ends_with_its_usage(server: Server, upstream: Upstream) -> None:
    upstream.script(KEY, message(text="Größe 🍵 " * 4, chunk="bytes:5", usage={"input_tokens": 8, "output_tokens": 2}))
    with gpt(server) as client:
        chunks = list(
            client.chat.completions.create(**CHAT, stream=True, stream_options={"include_usage": True}, temperature=0.5)
        )
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == "Größe 🍵 " * 4
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (8, 2)
    assert chunks[-2].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_tools_loop_of_completions_runs_to_its_end(server: Server, upstream: Upstream, stream: bool) -> None:
    turns: list[Any] = [{"role": "user", "content": "use weather and use clock please"}]
    with gpt(server) as client:
        first = converse(client, turns, stream=stream)
        assert first.finish_reason == "tool_calls"
        calls = first.message.tool_calls
        assert [(one.function.name, json.loads(one.function.arguments)) for one in calls] == [
            ("weather", {"city": "Zürich", "days": 7}),
            ("clock", {"zone": "Zürich"}),
        ]
        turns.append(first.message.to_dict())
        turns += [{"role": "tool", "tool_call_id": one.id, "content": f"{one.function.name} is fine"} for one in calls]
        assert converse(client, turns, stream=stream).finish_reason == "stop"
    second = upstream.requests()[1].json()["messages"]
    assert [turn["role"] for turn in second] == ["user", "assistant", "user"]
    assert [block["tool_use_id"] for block in second[2]["content"]] == [one.id for one in calls]


def converse(client: openai.OpenAI, turns: list[Any], *, stream: bool) -> Any:
    """Return the choice that answers a conversation, whole or gathered from its stream."""
    if not stream:
        return client.chat.completions.create(model=MODEL, messages=turns, tools=FUNCTIONS).choices[0]
    with client.chat.completions.stream(model=MODEL, messages=turns, tools=FUNCTIONS) as events:
        return events.get_final_completion().choices[0]


def test_image_reaches_the_upstream(server: Server, upstream: Upstream) -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    turns: Any = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}]
    with gpt(server) as client:
        client.chat.completions.create(model=MODEL, messages=turns)
    (seen,) = upstream.requests()
    assert seen.json()["messages"][0]["content"][1]["source"]["data"] == PIXEL


def test_response_tells_its_text_and_usage(server: Server, upstream: Upstream) -> None:
    upstream.script(KEY, message(text="Four.", thinking="Two and two.", usage={"input_tokens": 9, "output_tokens": 3}))
    with gpt(server) as client:
        answer = client.responses.create(**RESPOND, instructions="Be brief", reasoning={"effort": "low"})
    assert answer.output_text == "Four."
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (9, 3)
    asked = upstream.requests()[0].json()
    assert asked["system"] == [{"type": "text", "text": "Be brief"}]
    assert asked["thinking"]["type"] == "adaptive"


def test_response_streams_its_typed_events(server: Server, upstream: Upstream) -> None:
    upstream.script(KEY, message(text="one two three four", events=4, chunk="split-line"))
    with gpt(server) as client, client.responses.stream(**RESPOND) as events:
        kinds = [event.type for event in events]
        answer = events.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds.count("response.output_text.delta") == 4
    assert kinds[-1] == "response.completed"
    assert answer.output_text == "one two three four"


def test_tools_loop_of_responses_runs_to_its_end(server: Server, upstream: Upstream) -> None:
    tools: Any = [{"type": "function", **one["function"], "strict": False} for one in FUNCTIONS]
    items: list[Any] = [{"role": "user", "content": "use weather and use clock please"}]
    with gpt(server) as client:
        with client.responses.stream(model=MODEL, input=items, tools=tools) as events:
            events.until_done()
            first = events.get_final_response()
        calls = [item for item in first.output if item.type == "function_call"]
        assert [(one.name, json.loads(one.arguments)) for one in calls] == [
            ("weather", {"city": "Zürich", "days": 7}),
            ("clock", {"zone": "Zürich"}),
        ]
        items += [item.to_dict() for item in first.output]
        items += [{"type": "function_call_output", "call_id": one.call_id, "output": "fine"} for one in calls]
        assert client.responses.create(model=MODEL, input=items, tools=tools).status == "completed"
    second = upstream.requests()[1].json()["messages"]
    assert [block["type"] for block in second[1]["content"]][-2:] == ["tool_use", "tool_use"]
    assert [block["type"] for block in second[2]["content"]] == ["tool_result", "tool_result"]


def test_models_come_in_the_shape_of_the_caller(server: Server, upstream: Upstream) -> None:
    with gpt(server) as client:
        listed = client.models.list()
        assert MODEL in [model.id for model in listed]
        assert listed.object == "list"
        assert client.models.retrieve(MODEL).owned_by == "anthropic"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("claude-nothing")
    assert upstream.requests()[0].target == "/v1/models?limit=1000"


ERRORS: dict[str, tuple[Step, type[openai.APIStatusError], str | None]] = {
    "400": (status(400, message="bad thing"), openai.BadRequestError, None),
    "too-long": (status(400, message="prompt is too long: 9 > 8"), openai.BadRequestError, "context_length_exceeded"),
    "403": (forbidden(), openai.PermissionDeniedError, "permission_denied"),
    "404": (status(404, message="model: no"), openai.NotFoundError, "model_not_found"),
    "429": (limited("5h", reset_in_s=5), openai.RateLimitError, "rate_limit_exceeded"),
    "529": (overloaded(), openai.InternalServerError, "server_is_overloaded"),
    "html": (status(502, "<html>bad gateway"), openai.InternalServerError, "server_error"),
}


@pytest.mark.parametrize(("step", "raised", "code"), ERRORS.values(), ids=ERRORS)
def test_errors_come_in_the_shape_of_openai(
    server: Server, upstream: Upstream, step: Step, raised: type[openai.APIStatusError], code: str | None
) -> None:
    upstream.script(KEY, step, forever=True)
    with gpt(server) as client:
        with pytest.raises(raised) as caught:
            client.chat.completions.create(**CHAT)
        assert caught.value.code == code
        assert set(json.loads(caught.value.response.content)) == {"error"}
        with pytest.raises(openai.APIStatusError):
            client.responses.create(**RESPOND, stream=True)


def test_refusals_of_ours_come_in_the_shape_of_openai(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    installation.accounts("a", paused_at=1)
    with gpt(server) as client, pytest.raises(openai.InternalServerError, match="a: paused"):
        client.responses.create(**RESPOND)
    installation.accounts("a", "b")
    upstream.script("*", limited("5h", reset_in_s=900), forever=True)
    with gpt(server) as client, pytest.raises(openai.RateLimitError, match="No account") as caught:
        client.chat.completions.create(**CHAT)
    assert 0 < int(caught.value.response.headers["retry-after"]) <= 901


def test_client_without_a_key_is_told_so_in_the_shape_of_openai(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    key = installation.key("one")
    for pid in server.worker_pids():
        eventually(lambda pid=pid: status_with(key, installation.line(pid)) == 200)
    with gpt(server) as client, pytest.raises(openai.AuthenticationError, match="client key"):
        client.models.list()
    with gpt(server, key) as client:
        client.chat.completions.create(**CHAT)
        with pytest.raises(openai.BadRequestError, match="messages"):
            client.chat.completions.create(model=MODEL, messages=[])
    assert all(key.encode() not in seen.head + seen.body for seen in upstream.requests())


def status_with(key: str, line: RawClient) -> int:
    """Return the status of a request with a client key on an open connection."""
    line.request("GET", "/v1/models", [("Authorization", f"Bearer {key}")])
    return line.answer().status


def test_log_in_serves_a_client_of_openai(server: Server, installation: Installation, upstream: Upstream) -> None:
    installation.accounts()
    pair = upstream.issue_tokens()
    server.add_account("m", json.dumps(pair), mode="max")
    installation.wait_for_accounts(1)
    with gpt(server) as client:
        assert client.responses.create(**RESPOND).status == "completed"
    (seen,) = upstream.requests(path="/v1/messages")
    assert seen.credential == pair["access_token"]
    assert seen.header("anthropic-beta") == "oauth-2025-04-20"
    assert seen.header("anthropic-version") == "2023-06-01"


@pytest.mark.parametrize("kind", ["overloaded_error", "api_error"])
def test_error_inside_a_stream_is_raised(
    server: Server, installation: Installation, upstream: Upstream, kind: str
) -> None:
    upstream.script(KEY, [mid_stream_error(5, kind, events=9)] * 2)
    with gpt(server) as client:
        with pytest.raises(openai.APIError):
            list(client.chat.completions.create(**CHAT, stream=True))
        assert newest(installation)["outcome"] == "upstream_broke"
        events = list(client.responses.create(**RESPOND, stream=True))
    assert events[-1].type == "response.failed"


@pytest.mark.parametrize(
    "step", [cut(5, events=9), rst(5, events=9), early_end(5, events=9)], ids=["fin", "rst", "end"]
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_broken_stream_ends_in_an_error_and_a_cut(
    server: Server, installation: Installation, upstream: Upstream, step: Step, path: str
) -> None:
    upstream.script(KEY, step)
    answer = post(server, path, {**CHAT, **RESPOND, "stream": True})
    assert not answer.complete
    assert b"[DONE]" not in answer.body
    assert b"response.failed" in answer.body or b'data: {"error":' in answer.body
    assert installation.record(answer)["outcome"] == "upstream_broke"


def test_chunks_come_down_one_by_one(server: Server, upstream: Upstream) -> None:
    step = message(events=4)
    step["gates"] = {"4": "fourth"}
    upstream.script(KEY, step)
    with server.raw() as client:
        client.request("POST", "/v1/chat/completions", HEADERS, json.dumps({**CHAT, "stream": True}).encode())
        client.read_until(b'"content":"')
        upstream.wait_until_held("fourth")
        upstream.release("fourth")
        client.read_until(b"[DONE]")


def test_websocket_is_refused_by_the_status_that_clients_understand(server: Server, upstream: Upstream) -> None:
    with server.raw() as client:
        upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
        client.request("GET", "/v1/responses", [*HEADERS, *upgrade])
        answer = client.answer()
    assert answer.status == 426
    assert "WebSockets" in json.loads(answer.body)["error"]["message"]
    assert upstream.requests() == []


class TestOwnKind:
    """OpenAI-shaped requests at an OpenAI-shaped account."""

    @pytest.fixture(autouse=True)
    def _account(self, installation: Installation, upstream: Upstream) -> None:
        installation.accounts("a", **{**openai_account(upstream), "model_mappings": None})

    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
    def test_everything_passes_byte_true(
        self, server: Server, installation: Installation, upstream: Upstream, stream: bool
    ) -> None:
        body = b'{"stream": %s, "model":"gpt-4o",  "messages":[{"role":"user","content":"Gr\xc3\xbc\xc3\x9fe"}], "x":1}'
        body %= str(stream).lower().encode()
        upstream.script(KEY, message(events=4, comments=True, encoding="accept"))
        with server.raw() as client:
            client.request("POST", "/v1/chat/completions?a=b", [*HEADERS, ("Accept-Encoding", "gzip")], body)
            answer = client.answer()
        (seen,) = upstream.requests()
        assert (seen.target, seen.body) == ("/v1/chat/completions?a=b", body)
        assert (answer.complete, answer.body) == (True, seen.answer_body)
        assert answer.header("content-encoding") == "gzip"
        record = installation.record(answer)
        assert (record["outcome"], record["model_served"], record["losses"]) == ("complete", "gpt-4o", None)

    def test_errors_pass_byte_true(self, server: Server, upstream: Upstream) -> None:
        upstream.script(KEY, status(400))
        answer = post(server, "/v1/chat/completions", CHAT)
        (seen,) = upstream.requests()
        assert (answer.status, answer.body) == (400, seen.answer_body)

    def test_path_that_only_openai_has_goes_to_its_own_kind(
        self, server: Server, installation: Installation, upstream: Upstream
    ) -> None:
        installation.accounts("c")
        installation.add_accounts("a", **{**openai_account(upstream), "model_mappings": None})
        upstream.script(KEY, payload({"object": "list", "data": []}), on="/v1/embeddings")
        answer = post(server, "/v1/embeddings", {"model": "e", "input": "x"})
        assert (answer.status, json.loads(answer.body)["object"]) == (200, "list")
        assert [seen.credential for seen in upstream.requests()] == [KEY]

    def test_responses_pass_byte_true(self, server: Server, upstream: Upstream) -> None:
        upstream.script(KEY, payload({"id": "resp_1", "object": "response", "model": GPT, "output": []}))
        answer = post(server, "/v1/responses", {"model": GPT, "input": "x"})
        (seen,) = upstream.requests()
        assert (seen.target, answer.body) == ("/v1/responses", seen.answer_body)
