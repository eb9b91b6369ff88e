from typing import Any

from app.providers.openai_wire.chat.turns import messages_turns
from app.providers.openai_wire.translation import Losses


def turns(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = messages_turns(list(messages), Losses()).fields()["messages"]
    return found


def test_results_of_parallel_calls_share_a_turn() -> None:
    calls = [{"id": f"c{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}} for n in (1, 2)]
    results = [{"role": "tool", "tool_call_id": f"c{n}", "content": "ok"} for n in (1, 2)]
    made = turns({"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": calls}, *results)
    assert [turn["role"] for turn in made] == ["user", "assistant", "user"]
    assert [block["tool_use_id"] for block in made[2]["content"]] == ["c1", "c2"]


def test_empty_result_has_no_content() -> None:
    [turn] = turns({"role": "tool", "tool_call_id": "c", "content": ""})
    assert turn["content"] == [{"type": "tool_result", "tool_use_id": "c"}]


def test_cache_marks_of_clients_that_know_them_are_kept() -> None:
    part = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    [turn] = turns({"role": "user", "content": [part]})
    assert turn["content"][0]["cache_control"] == {"type": "ephemeral"}


def test_refusal_of_an_earlier_turn_is_text() -> None:
    made = turns({"role": "user", "content": "x"}, {"role": "assistant", "content": None, "refusal": "No."})
    assert made[1]["content"] == [{"type": "text", "text": "No."}]


def test_redacted_thinking_goes_back() -> None:
    details = [{"type": "reasoning.encrypted", "data": "xx", "index": 0}]
    made = turns({"role": "user", "content": "x"}, {"role": "assistant", "content": "y", "reasoning_details": details})
    assert made[1]["content"][0] == {"type": "redacted_thinking", "data": "xx"}
