import json

import pytest

from app.errors import InvalidInput
from app.providers.openai_wire.chat.request import chat_to_messages

USER = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    "asked",
    [
        {"messages": [USER], "n": 3},
        {"messages": [USER], "modalities": ["text", "audio"]},
        {"messages": [{"role": "robot", "content": "x"}]},
        {"messages": "hi"},
        {},
    ],
)
def test_what_would_be_answered_differently_is_refused(asked: object) -> None:
    with pytest.raises(InvalidInput):
        chat_to_messages(json.dumps(asked).encode(), "claude-opus-5")


def test_neutral_values_are_no_losses() -> None:
    asked = {
        "messages": [USER],
        "n": 1,
        "presence_penalty": 0,
        "logprobs": False,
        "service_tier": "auto",
        "store": True,
    }
    assert chat_to_messages(json.dumps(asked).encode(), "claude-opus-5").losses == ()


def test_usage_is_told_only_when_asked_for() -> None:
    for options, expected in (({"include_usage": True}, True), ({}, False), (None, False)):
        asked = {"messages": [USER], "stream": True, "stream_options": options}
        made = chat_to_messages(json.dumps(asked).encode(), "claude-opus-5")
        assert (made.is_stream, made.includes_usage) == (True, expected)


def test_format_and_effort_share_the_output_config() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    asked = {"messages": [USER], "reasoning_effort": "high", "response_format": schema}
    made = json.loads(chat_to_messages(json.dumps(asked).encode(), "claude-opus-5").body)
    assert made["output_config"] == {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}}
