"""Anthropic's SDK, and bare clients of its API, served by an upstream that speaks Chat Completions."""

import gzip
import json
from typing import Any

import anthropic
import pytest

from tests.fakes.raw import RawClient
from tests.fakes.upstream import (
    Step,
    Upstream,
    cut,
    early_end,
    first_event_error,
    limited,
    message,
    mid_stream_error,
    payload,
    rst,
    status,
    unauthorized,
)
from tests.integration.calls import HEADERS, MODEL, ask, body_of, call, error_of
from tests.integration.installation import Installation, key_of
from tests.integration.sdks import GPT, HELLO, PIXEL, TOOLS, claude, newest, openai_account
from tests.integration.server import Server

KEY = key_of("o")


@pytest.fixture(autouse=True)
def _account(installation: Installation, upstream: Upstream) -> None:
    installation.accounts("o", **openai_account(upstream))


def test_message_goes_up_as_a_completion(server: Server, installation: Installation, upstream: Upstream) -> None:
    with claude(server) as client:
        answer = client.messages.create(**HELLO, system="Be brief", metadata={"user_id": "someone"})
    (seen,) = upstream.requests()
    assert (seen.target, seen.credential) == ("/v1/chat/completions", KEY)
    asked = seen.json()
    assert asked["model"] == GPT
    assert asked["messages"][0] == {"role": "system", "content": "Be brief"}
    assert seen.header("content-type") == "application/json"
    assert seen.header("accept-encoding") == "identity"
    assert [name for name, _ in seen.headers if name.lower().startswith("anthropic-")] == []
    assert answer.content[0].type == "text"
    assert answer.stop_reason == "end_turn"
    assert newest(installation)["model_served"] == GPT


def test_query_of_the_client_stays_here(server: Server, upstream: Upstream) -> None:
    assert ask(server, target="/v1/messages?beta=true").status == 200
    (seen,) = upstream.requests()
    assert seen.target == "/v1/chat/completions"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_cached_tokens_are_counted_once(
    server: Server, installation: Installation, upstream: Upstream, stream: bool
) -> None:
    counted = {"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 60}}
    upstream.script(KEY, message(usage=counted))
    record = installation.record(ask(server, stream=stream))
    assert (record["input_tokens"], record["cache_read_tokens"], record["output_tokens"]) == (40, 60, 7)
    assert (record["outcome"], record["stop_reason"], record["is_partial"]) == ("complete", "end_turn", 0)
    assert record["provider"] == "openai-compatible"


def test_what_could_not_be_carried_is_in_the_record(server: Server, installation: Installation) -> None:
    record = installation.record(ask(server, service_tier="auto", container="c"))
    assert json.loads(record["losses"]) == ["service_tier", "container"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_tools_loop_runs_to_its_end(server: Server, upstream: Upstream, stream: bool) -> None:
    turns: list[Any] = [{"role": "user", "content": "use weather and use clock please"}]
    with claude(server) as client:
        first = converse(client, turns, stream=stream)
        assert first.stop_reason == "tool_use"
        calls = [block for block in first.content if block.type == "tool_use"]
        assert [(one.name, one.input) for one in calls] == [
            ("weather", {"city": "Zürich", "days": 7}),
            ("clock", {"zone": "Zürich"}),
        ]
        results = [{"type": "tool_result", "tool_use_id": one.id, "content": f"{one.name} is fine"} for one in calls]
        turns += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
        assert converse(client, turns, stream=stream).stop_reason == "end_turn"
    second = upstream.requests()[1].json()["messages"]
    assert [turn["role"] for turn in second] == ["user", "assistant", "tool", "tool"]
    assert [one["id"] for one in second[1]["tool_calls"]] == [turn["tool_call_id"] for turn in second[2:]]
    assert second[3]["content"] == "clock is fine"


def converse(client: anthropic.Anthropic, turns: list[Any], *, stream: bool) -> Any:
    """Return the answer to a conversation, whole or gathered from its stream."""
    asked: Any = {"model": MODEL, "max_tokens": 200, "messages": turns, "tools": TOOLS}
    if not stream:
        return client.messages.create(**asked)
    with client.messages.stream(**asked) as events:
        return events.get_final_message()


def test_images_reach_the_upstream(server: Server, upstream: Upstream) -> None:
    inline = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    by_url = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    turns: Any = [{"role": "user", "content": [inline, by_url, {"type": "text", "text": "What is it?"}]}]
    with claude(server) as client:
        client.messages.create(model=MODEL, max_tokens=9, messages=turns)
    (seen,) = upstream.requests()
    parts = seen.json()["messages"][0]["content"]
    assert [part["image_url"]["url"] for part in parts[:2]] == [
        f"data:image/png;base64,{PIXEL}",
        "https://example.com/a.png",
    ]


def test_thinking_comes_before_the_text_and_goes_back_up(server: Server, upstream: Upstream) -> None:
    upstream.script(KEY, [message(thinking="I weigh it.", text="Four.")])
    with claude(server) as client:
        with client.messages.stream(**HELLO, thinking={"type": "enabled", "budget_tokens": 1024}) as events:
            kinds = [event.type for event in events if event.type in ("thinking", "text")]
            answer = events.get_final_message()
        assert kinds.index("text") > kinds.index("thinking")
        assert [block.type for block in answer.content] == ["thinking", "text"]
        turns = [*HELLO["messages"], {"role": "assistant", "content": answer.content}, *HELLO["messages"]]
        client.messages.create(model=MODEL, max_tokens=9, messages=turns)
    first, second = upstream.requests()
    assert first.json()["reasoning_effort"] == "low"
    assert second.json()["messages"][1]["reasoning_content"] == "I weigh it."


def test_refusal_is_told_as_one(server: Server, upstream: Upstream) -> None:
    upstream.script(KEY, message(refusal="I will not."))
    with claude(server) as client, client.messages.stream(**HELLO) as events:
        answer = events.get_final_message()
    assert answer.stop_reason == "refusal"


def test_token_limit_is_told_as_one(server: Server, upstream: Upstream) -> None:
    upstream.script(KEY, message(stop_reason="length"))
    with claude(server) as client:
        assert client.messages.create(**HELLO).stop_reason == "max_tokens"


ERRORS: dict[str, tuple[Step, type[anthropic.APIStatusError], str]] = {
    "400": (status(400, message="bad thing"), anthropic.BadRequestError, "invalid_request_error"),
    "401": (unauthorized("no such key"), anthropic.AuthenticationError, "authentication_error"),
    "404": (status(404, message="no such model"), anthropic.NotFoundError, "not_found_error"),
    "413": (status(413), anthropic.APIStatusError, "request_too_large"),
    "429": (limited("openai", reset_in_s=5), anthropic.RateLimitError, "rate_limit_error"),
    "500": (status(500), anthropic.InternalServerError, "api_error"),
    "html": (status(502, "<html>bad gateway"), anthropic.InternalServerError, "api_error"),
}


@pytest.mark.parametrize(("step", "raised", "kind"), ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_errors_come_in_the_shape_of_the_messages_api(
    server: Server, upstream: Upstream, step: Step, raised: type[anthropic.APIStatusError], kind: str, stream: bool
) -> None:
    upstream.script(KEY, step, forever=True)
    with claude(server) as client, pytest.raises(raised) as caught:
        client.messages.create(**HELLO, stream=stream)
    error: Any = caught.value.body
    assert (error["type"], error["error"]["type"]) == ("error", kind)


def test_error_in_a_served_body_is_an_error(server: Server, installation: Installation, upstream: Upstream) -> None:
    upstream.script(KEY, payload({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}))
    answer = ask(server)
    assert error_of(answer) == (429, "rate_limit_error", "slow down")
    (attempt,) = installation.attempts(installation.record(answer))
    assert attempt["reason"] == "burst"


def test_body_that_is_no_answer_is_a_fault_of_the_upstream(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    upstream.script(KEY, payload({"choices": []}), forever=True)
    answer = ask(server)
    assert answer.status == 503
    assert installation.attempts(installation.record(answer))[0]["reason"] == "upstream"


def test_error_as_first_event_reaches_a_lonely_client_as_an_event(server: Server, upstream: Upstream) -> None:
    upstream.script(KEY, first_event_error("rate_limit_error"))
    with claude(server) as client, client.messages.stream(**HELLO) as events, pytest.raises(anthropic.APIStatusError):
        events.until_done()


def test_error_inside_a_stream_ends_it(server: Server, installation: Installation, upstream: Upstream) -> None:
    upstream.script(KEY, mid_stream_error(4, events=9))
    answer = ask(server, stream=True)
    assert answer.complete
    kinds = events_of(answer.body)
    assert kinds[0] == "message_start"
    assert kinds[-1] == "error"
    record = installation.record(answer)
    assert (record["outcome"], record["input_tokens"], record["output_tokens"]) == ("upstream_broke", None, None)


BROKEN: dict[str, Step] = {
    "fin": cut(4, events=9),
    "reset": rst(4, events=9),
    "clean-end": early_end(4, events=9),
    "gzip": cut(4, events=9, encoding="gzip"),
}


@pytest.mark.parametrize("step", BROKEN.values(), ids=BROKEN)
def test_broken_stream_ends_in_an_error_and_a_cut(
    server: Server, installation: Installation, upstream: Upstream, step: Step
) -> None:
    upstream.script(KEY, step)
    answer = ask(server, stream=True)
    assert not answer.complete
    assert events_of(answer.body)[-1] == "error"
    record = installation.record(answer)
    assert (record["outcome"], record["input_tokens"], record["output_tokens"]) == ("upstream_broke", None, None)
    with claude(server) as client:
        upstream.script(KEY, step)
        with client.messages.stream(**HELLO) as events, pytest.raises(anthropic.APIStatusError):
            events.until_done()


def test_stream_without_its_last_mark_is_whole_once_it_was_finished(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    upstream.script(KEY, early_end(8, text="one two three four", events=4))
    answer = ask(server, stream=True)
    assert answer.complete
    assert events_of(answer.body)[-1] == "message_stop"
    assert installation.record(answer)["outcome"] == "complete"


def events_of(body: bytes) -> list[str]:
    """Return the names of the events in a stream."""
    return [line[7:].decode() for line in body.split(b"\n") if line.startswith(b"event: ")]


def test_events_come_down_one_by_one(server: Server, upstream: Upstream) -> None:
    step = message(events=4)
    step["gates"] = {"2": "second", "4": "fourth"}
    upstream.script(KEY, step)
    with server.raw() as client:
        client.request("POST", "/v1/messages", HEADERS, body_of(stream=True))
        client.read_until(b"content_block_delta")
        upstream.wait_until_held("second")
        upstream.release("second")
        client.read_until(b"content_block_delta")
        upstream.wait_until_held("fourth")
        upstream.release("fourth")
        client.read_until(b"message_stop")


def test_head_goes_ahead_of_a_slow_answer(server: Server, upstream: Upstream) -> None:
    step = message(comments=True)
    step["gates"] = {"1": "first"}
    upstream.script(KEY, step)
    with server.raw() as client:
        client.request("POST", "/v1/messages", HEADERS, body_of(stream=True))
        assert client.answer_head().header("content-type") == "text/event-stream; charset=utf-8"
        client.read_until(b"event: ping")
        upstream.wait_until_held("first")
        upstream.release("first")
        client.read_until(b"message_stop")


@pytest.mark.parametrize("chunk", ["split-utf8", "split-line", "bytes:3", "whole"])
@pytest.mark.parametrize("encoding", [None, "gzip", "zstd"])
def test_stream_in_any_pieces_says_the_same(
    server: Server, upstream: Upstream, chunk: str, encoding: str | None
) -> None:
    upstream.script(KEY, message(text="Größe 🍵 " * 6, chunk=chunk, encoding=encoding, comments=True))
    with claude(server) as client, client.messages.stream(**HELLO) as events:
        assert events.get_final_text() == "Größe 🍵 " * 6


def test_encoded_body_is_read(server: Server, upstream: Upstream) -> None:
    upstream.script(KEY, message(text="Grüße", encoding="br"))
    answer = ask(server)
    assert json.loads(answer.body)["content"][0]["text"] == "Grüße"
    assert answer.header("content-encoding") is None


def test_upstream_that_ignores_the_wish_for_a_stream_is_streamed_all_the_same(
    server: Server, upstream: Upstream
) -> None:
    calls = [
        {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": '{"a":1}'}}
        for name in ("weather", "clock")
    ]
    said = {"role": "assistant", "content": "Let me see.", "tool_calls": calls}
    whole = {"id": "c1", "model": GPT, "choices": [{"index": 0, "message": said, "finish_reason": "tool_calls"}]}
    counted = {"prompt_tokens": 5, "completion_tokens": 2}
    upstream.script(KEY, payload({**whole, "usage": counted}))
    with claude(server) as client, client.messages.stream(**HELLO, tools=TOOLS) as events:
        answer = events.get_final_message()
    assert [block.type for block in answer.content] == ["text", "tool_use", "tool_use"]
    assert [block.input for block in answer.content if block.type == "tool_use"] == [{"a": 1}, {"a": 1}]
    assert answer.usage.input_tokens == 5


def test_usage_that_nobody_told_is_unknown(server: Server, installation: Installation, upstream: Upstream) -> None:
    said = {"role": "assistant", "content": "Hi"}
    upstream.script(KEY, payload({"id": "c1", "choices": [{"index": 0, "message": said, "finish_reason": "stop"}]}))
    record = installation.record(ask(server))
    assert (record["outcome"], record["input_tokens"], record["output_tokens"]) == ("complete", None, None)


def test_tokens_are_estimated_and_the_answer_says_so(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    answer = ask(server, target="/v1/messages/count_tokens?beta=true", prompt="How many tokens is this?")
    assert json.loads(answer.body)["input_tokens"] > 5
    assert answer.header("x-ccflare-estimate") == "tokens"
    assert upstream.requests() == []
    record = installation.record(answer)
    assert "estimated" in record["losses"]
    assert (record["status"], record["input_tokens"], record["attempts"]) == (200, None, 0)


def test_account_that_can_count_is_preferred_and_no_session_moves(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    installation.add_accounts("a")
    ask(server)
    answer = ask(server, target="/v1/messages/count_tokens")
    assert answer.header("x-ccflare-estimate") is None
    assert [seen.credential for seen in upstream.requests()] == [KEY, key_of("a")]
    ask(server)
    assert upstream.requests()[-1].credential == KEY


def test_estimate_stands_in_for_an_account_that_fails(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    installation.add_accounts("a")
    upstream.script(key_of("a"), limited("5h", reset_in_s=900))
    answer = ask(server, target="/v1/messages/count_tokens")
    assert (answer.status, answer.header("x-ccflare-estimate")) == (200, "tokens")
    assert installation.rows("SELECT name FROM accounts WHERE cooldown_until IS NOT NULL") == [{"name": "a"}]


def test_models_come_in_the_shape_of_the_caller(server: Server, upstream: Upstream) -> None:
    listed = {"object": "list", "data": [{"id": GPT, "object": "model", "created": 1_790_000_000}]}
    upstream.script(KEY, payload(listed), on="/v1/models", forever=True)
    upstream.script(KEY, payload(listed["data"][0]), on=f"/v1/models/{GPT}", forever=True)
    with claude(server) as client:
        assert [model.id for model in client.models.list()] == [GPT]
        assert client.models.retrieve(GPT).display_name == GPT
    assert json.loads(call(server, "GET", "/v1/models").body)["data"][0]["type"] == "model"
    plain = server.call("GET", "/v1/models", None, {"Authorization": "Bearer x"})
    assert json.loads(plain[1]) == listed


def test_compressed_request_is_translated(server: Server, upstream: Upstream) -> None:
    with server.raw() as client:
        packed = gzip.compress(body_of("Grüße"))
        client.request("POST", "/v1/messages", [*HEADERS, ("Content-Encoding", "gzip")], packed)
        assert client.answer().status == 200
    (seen,) = upstream.requests()
    assert seen.header("content-encoding") is None
    assert seen.json()["messages"][0]["content"] == "Grüße"


def test_body_that_cannot_be_translated_is_the_clients_own_fault(server: Server, upstream: Upstream) -> None:
    answer = call(server, "POST", "/v1/messages", body=b'{"model":"claude-sonnet-4-6",')
    assert error_of(answer)[:2] == (400, "invalid_request_error")
    assert upstream.requests() == []


def test_path_that_only_anthropic_has_is_refused_with_the_reason(server: Server, upstream: Upstream) -> None:
    _, _, told = error_of(call(server, "GET", "/v1/files"))
    assert "o: does not serve this path or model" in told
    assert upstream.requests() == []


class TestTargets:
    """Several names for one model, in order."""

    @pytest.fixture(autouse=True)
    def _account(self, installation: Installation, upstream: Upstream) -> None:
        installation.accounts("o", **openai_account(upstream, GPT, "gpt-4o"))
        installation.add_accounts("a")

    def models(self, upstream: Upstream) -> list[tuple[str | None, str]]:
        return [(seen.credential, seen.json()["model"]) for seen in upstream.requests()]

    def test_next_one_is_asked_for_when_the_first_is_missing(
        self, server: Server, installation: Installation, upstream: Upstream
    ) -> None:
        upstream.script(KEY, status(404, message="The model `gpt-5.2` does not exist"))
        answer = ask(server)
        assert json.loads(answer.body)["model"] == "gpt-4o"
        assert self.models(upstream) == [(KEY, GPT), (KEY, "gpt-4o")]
        assert [one["reason"] for one in installation.attempts(installation.record(answer))] == ["client", "served"]

    def test_limit_of_one_model_leads_to_the_next_and_is_remembered(
        self, server: Server, installation: Installation, upstream: Upstream
    ) -> None:
        said = {"message": "Rate limit reached for gpt-5.2 in organization org-1", "code": "rate_limit_exceeded"}
        upstream.script(KEY, status(429, {"error": said}, retry_after=60))
        line = installation.line(server.worker_pids()[0])
        for _ in range(2):
            line.request("POST", "/v1/messages", HEADERS, body_of())
            assert line.answer().status == 200
        assert self.models(upstream) == [(KEY, GPT), (KEY, "gpt-4o"), (KEY, "gpt-4o")]
        assert installation.rows("SELECT family, reason FROM model_cooldowns") == [
            {"family": GPT, "reason": "model_quota"}
        ]

    def test_limit_of_the_account_leads_to_the_next_account(self, server: Server, upstream: Upstream) -> None:
        upstream.script(KEY, limited("openai", reset_in_s=60))
        assert ask(server).status == 200
        assert self.models(upstream) == [(KEY, GPT), (key_of("a"), MODEL)]

    def test_account_that_has_none_of_them_gives_way(self, server: Server, upstream: Upstream) -> None:
        upstream.script(KEY, [status(404, message="The model does not exist")] * 2)
        assert ask(server).status == 200
        assert self.models(upstream) == [(KEY, GPT), (KEY, "gpt-4o"), (key_of("a"), MODEL)]


def test_client_that_leaves_ends_the_upstream(
    server: Server, installation: Installation, upstream: Upstream, raw: "type[RawClient]"
) -> None:
    step = message(events=4)
    step["gates"] = {"3": "third"}
    upstream.script(KEY, step)
    client = raw()
    client.request("POST", "/v1/messages", HEADERS, body_of(stream=True))
    answer = client.answer_head()
    client.read_until(b"content_block_delta")
    client.reset()
    upstream.wait_until_peer_closed()
    record = installation.record(answer)
    assert (record["outcome"], record["input_tokens"]) == ("client_gone", None)
