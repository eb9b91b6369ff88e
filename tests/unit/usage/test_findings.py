"""What single events and documents say: later usage wins field by field, and odd JSON says nothing."""

import json

import pytest

from app.providers.openai_wire.account.answer import chat_to_message
from app.usage.findings import Findings, anthropic_document, anthropic_event, openai_document, openai_event, parsed
from app.values import Tokens


def after(*events: dict[str, object], name: str | None = None) -> Findings:
    findings = Findings()
    for at_ms, event in enumerate(events):
        anthropic_event(findings, name, json.dumps(event).encode(), at_ms)
    return findings


@pytest.mark.parametrize("data", [b"", b"[1]", b"null", b"{", b'"usage"', b"[DONE]", b"1" * 10_000, b"[" * 100_000])
def test_what_is_no_object_says_nothing(data: bytes) -> None:
    assert parsed(data) is None
    findings = Findings()
    anthropic_event(findings, "message_stop", data, 0)
    assert not findings.complete


def test_broken_text_does_not_hide_usage() -> None:
    document = parsed(b'{"text": "\xff", "usage": {"input_tokens": 3}}')
    assert document is not None
    assert document["usage"] == {"input_tokens": 3}


def test_the_type_inside_goes_before_the_events_name() -> None:
    assert after({"type": "message_stop"}, name="ping").complete
    assert not after({"type": "ping"}, name="message_stop").complete
    assert after({}, name="message_stop").complete


def test_usage_counts_wherever_an_event_carries_it() -> None:
    findings = after(
        {"type": "ping", "usage": {"input_tokens": 3}}, {"type": "message_stop", "usage": {"output_tokens": 4}}
    )
    assert findings.tokens() == Tokens(input=3, output=4)


def test_the_first_error_stands() -> None:
    first = {"type": "error", "error": {"type": "a", "message": "b"}}
    assert after(first, {"type": "error", "error": {"type": "c", "message": "d"}}).error == ("a", "b")


def test_long_texts_are_cut() -> None:
    findings = after({"type": "error", "error": {"type": "t" * 999, "message": "m" * 9999}})
    assert findings.error is not None
    assert [len(part) for part in findings.error] == [200, 2000]


def test_only_content_is_a_token() -> None:
    findings = after({"type": "content_block_start"}, {"type": "content_block_delta"}, {"type": "content_block_stop"})
    assert (findings.first_token_at, findings.last_token_at) == (1, 1)


@pytest.mark.parametrize(
    ("choices", "is_token"),
    [
        pytest.param([{"delta": {"role": "assistant", "content": ""}}], False, id="role"),
        pytest.param([{"delta": {"content": "a"}}], True, id="text"),
        pytest.param([{"delta": {"reasoning_content": "a"}}], True, id="reasoning"),
        pytest.param([{"delta": {"tool_calls": [{}]}}], True, id="tool call"),
        pytest.param([{"delta": {}, "finish_reason": "stop"}], False, id="end"),
        pytest.param([{"delta": None}], False, id="null"),
        pytest.param([], False, id="usage"),
        pytest.param(None, False, id="none"),
    ],
)
def test_what_is_a_token_of_a_chat(choices: object, is_token: bool) -> None:
    findings = Findings()
    openai_event(findings, None, json.dumps({"choices": choices}).encode(), 5)
    assert (findings.first_token_at == 5) == is_token


def test_a_later_null_keeps_model_and_id() -> None:
    findings = Findings()
    openai_document(findings, {"id": "a", "model": "m"})
    openai_document(findings, {"id": None, "model": ""})
    assert (findings.message_id, findings.model) == ("a", "m")


@pytest.mark.parametrize(
    ("response", "stop_reason"),
    [
        pytest.param({"status": "in_progress"}, None, id="running"),
        pytest.param({"status": "completed"}, "completed", id="completed"),
        pytest.param(
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            "max_output_tokens",
            id="cut",
        ),
    ],
)
def test_why_a_response_ended(response: dict[str, object], stop_reason: str | None) -> None:
    findings = Findings()
    openai_document(findings, {"object": "response", **response})
    assert findings.stop_reason == stop_reason


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        pytest.param(
            {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 1150,
             "completion_tokens_details": {"reasoning_tokens": 1000}},
            Tokens(input=100, output=1050), id="reasoning beside the output, as xAI",
        ),
        pytest.param(
            {"prompt_tokens": 10_000, "completion_tokens": 50, "prompt_cache_hit_tokens": 9000,
             "prompt_tokens_details": None},
            Tokens(input=1000, output=50, cache_read=9000), id="hits of the cache, as DeepSeek",
        ),
        pytest.param(
            {"prompt_tokens": 10_000, "completion_tokens": 50, "cached_tokens": 9000},
            Tokens(input=1000, output=50, cache_read=9000), id="cached beside the prompt, as Moonshot",
        ),
        pytest.param(
            {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
             "output_tokens": 50, "output_tokens_details": {"reasoning_tokens": 40}, "total_tokens": 150},
            Tokens(input=10, output=50, cache_read=60, cache_write_5m=30), id="a response",
        ),
    ],
)  # fmt: skip
def test_answer_counts_the_same_in_every_shape(usage: dict[str, object], tokens: Tokens) -> None:
    answer = {"id": "x", "choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "usage": usage}
    openai, anthropic = Findings(), Findings()
    openai_document(openai, answer)
    assert openai.tokens() == tokens
    if "prompt_tokens" in usage:
        anthropic_document(anthropic, json.loads(chat_to_message(json.dumps(answer).encode()).body))
        assert anthropic.tokens() == tokens


def test_a_document_is_final_only_with_usage() -> None:
    findings = Findings()
    anthropic_document(findings, {"model": "m"})
    assert not findings.has_final_usage
    anthropic_document(findings, {"model": "m", "usage": {"input_tokens": 0}})
    assert findings.has_final_usage
