"""Accounts of both shapes stand in for each other, for clients of either."""

import json
from typing import Any

import pytest

from tests.fakes.upstream import Step, Upstream, cut, first_event_error, limited, overloaded, rst, short_body, status
from tests.integration.calls import MODEL, ask
from tests.integration.installation import Installation, key_of
from tests.integration.sdks import CHAT, GPT, HELLO, claude, gpt, newest, openai_account
from tests.integration.server import Server

ANTHROPIC, OPENAI = key_of("a"), key_of("o")
TROUBLE: dict[str, Step] = {
    "limited": limited("retry-after", reset_in_s=60),
    "overloaded": overloaded(),
    "broken": status(502, "<html>"),
    "refused": status(401, message="no such key"),
    "reset": rst("request"),
    "first-event": first_event_error("rate_limit_error"),
}


@pytest.fixture(params=["anthropic-first", "openai-first"])
def ill(request: pytest.FixtureRequest, installation: Installation, upstream: Upstream) -> str:
    """Two accounts of different shapes; returns the key of the one that is asked first."""
    if request.param == "anthropic-first":
        installation.accounts("a")
        installation.add_accounts("o", **openai_account(upstream))
        return ANTHROPIC
    installation.accounts("o", **openai_account(upstream))
    installation.add_accounts("a")
    return OPENAI


@pytest.mark.parametrize("step", TROUBLE.values(), ids=TROUBLE)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("client", ["anthropic", "openai"])
def test_account_of_the_other_shape_serves_instead(
    server: Server, installation: Installation, upstream: Upstream, ill: str, step: Step, stream: bool, client: str
) -> None:
    upstream.script(ill, step, forever=True)
    assert "You wrote" in said_to(client, server, stream=stream)
    record = newest(installation)
    attempts = installation.attempts(record)
    assert record["account_name"] == ("o" if ill == ANTHROPIC else "a")
    assert attempts[0]["account_name"] != attempts[-1]["account_name"]
    assert (attempts[-1]["reason"], record["outcome"], record["status"]) == ("served", "complete", 200)
    assert record["input_tokens"] > 0


def said_to(kind: str, server: Server, *, stream: bool) -> str:
    """Return the text that a client of one kind is served."""
    if kind == "anthropic":
        with claude(server) as claude_client:
            if not stream:
                return str(claude_client.messages.create(**HELLO).content[0].text)
            with claude_client.messages.stream(**HELLO) as events:
                return events.get_final_text()
    with gpt(server) as gpt_client:
        if not stream:
            return gpt_client.chat.completions.create(**CHAT).choices[0].message.content or ""
        chunks = gpt_client.chat.completions.create(**CHAT, stream=True, stream_options={"include_usage": True})
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@pytest.mark.parametrize("step", [short_body(2), cut(2, framing="chunked")], ids=["length", "chunked"])
def test_whole_answer_that_breaks_while_it_is_gathered_fails_over(
    server: Server, installation: Installation, upstream: Upstream, step: Step
) -> None:
    installation.accounts("o", **openai_account(upstream))
    installation.add_accounts("a")
    upstream.script(OPENAI, step, forever=True)
    answer = ask(server)
    assert (answer.status, installation.record(answer)["account_name"]) == (200, "a")


def test_model_that_the_other_shape_lacks_is_asked_for_elsewhere(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    installation.accounts("o", **{**openai_account(upstream), "model_mappings": None})
    installation.add_accounts("a")
    upstream.script(OPENAI, status(404, message=f"The model `{MODEL}` does not exist"))
    answer = ask(server)
    assert (answer.status, json.loads(answer.body)["model"]) == (200, MODEL)
    assert installation.rows("SELECT name FROM accounts WHERE cooldown_until IS NOT NULL") == []


def test_missing_model_is_told_when_nobody_has_it(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    installation.accounts("o", **openai_account(upstream))
    upstream.script(OPENAI, status(404, message="The model does not exist"))
    answer = ask(server)
    told: Any = json.loads(answer.body)
    assert (answer.status, told["error"]["type"]) == (404, "not_found_error")


def test_request_that_the_other_shape_cannot_take_goes_to_its_own(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    installation.accounts("a")
    installation.add_accounts("o", provider="openai-compatible", endpoint=upstream.url)
    part = {"type": "file", "file": {"file_id": "file-1"}}
    asked: Any = {"model": GPT, "messages": [{"role": "user", "content": [part]}]}
    with gpt(server) as client:
        assert client.chat.completions.create(**asked).choices[0].finish_reason == "stop"
    assert [seen.credential for seen in upstream.requests()] == [OPENAI]
    record = newest(installation)
    assert "cannot be asked for this" in record["refused"]
    assert record["account_name"] == "o"
