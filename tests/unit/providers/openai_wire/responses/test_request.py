import json

import pytest

from app.providers.openai_wire.responses.request import responses_to_messages


def test_additional_tools_are_tools() -> None:
    item = {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "f"}]}
    asked = {"input": [{"role": "user", "content": "x"}, item]}
    made = responses_to_messages(json.dumps(asked).encode(), "claude-opus-5")
    assert [tool["name"] for tool in json.loads(made.body)["tools"]] == ["f"]


def test_response_repeats_what_was_asked_and_nothing_is_stored() -> None:
    made = responses_to_messages(b'{"input":"x","store":true,"parallel_tool_calls":false}', "claude-opus-5")
    assert made.echo["store"] is False
    assert made.echo["parallel_tool_calls"] is False
    assert made.echo["tool_choice"] == "auto"


@pytest.mark.parametrize("value", [None, False, ""])
def test_empty_values_of_what_is_refused_are_allowed(value: object) -> None:
    asked = {"input": "x", "previous_response_id": value, "background": value}
    assert responses_to_messages(json.dumps(asked).encode(), "claude-opus-5").losses == ()


def test_thinking_is_shown_only_when_a_summary_is_asked_for() -> None:
    for reasoning, display in (({"effort": "low"}, None), ({"effort": "low", "summary": "auto"}, "summarized")):
        asked = {"input": "x", "reasoning": reasoning}
        made = json.loads(responses_to_messages(json.dumps(asked).encode(), "claude-opus-5").body)
        assert made["thinking"].get("display") == display
