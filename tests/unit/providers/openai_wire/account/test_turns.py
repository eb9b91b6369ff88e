from app.providers.openai_wire.account.turns import chat_turns
from app.providers.openai_wire.dialect import GENERIC
from app.providers.openai_wire.translation import Losses


def test_results_come_right_behind_their_calls() -> None:
    losses = Losses()
    blocks = [{"type": "text", "text": "Also:"}, {"type": "tool_result", "tool_use_id": "t", "content": "x"}]
    messages = chat_turns([{"role": "user", "content": blocks}], GENERIC, {}, losses)
    assert [message["role"] for message in messages] == ["tool", "user"]


def test_result_that_says_error_is_not_told_twice() -> None:
    block = {"type": "tool_result", "tool_use_id": "t", "is_error": True, "content": "Error: gone"}
    [message] = chat_turns([{"role": "user", "content": [block]}], GENERIC, {}, Losses())
    assert message["content"] == "Error: gone"


def test_text_behind_a_call_is_kept() -> None:
    losses = Losses()
    blocks = [{"type": "tool_use", "id": "t", "name": "f", "input": {}}, {"type": "text", "text": "after"}]
    [message] = chat_turns([{"role": "assistant", "content": blocks}], GENERIC, {}, losses)
    assert message["content"] == "after"
    assert losses.listed() == ("messages: text after a tool call is moved before it",)


def test_pieces_of_an_answer_join_as_they_were_said() -> None:
    blocks = [{"type": "text", "text": "Paris"}, {"type": "text", "text": " is big."}]
    [message] = chat_turns([{"role": "assistant", "content": blocks}], GENERIC, {}, Losses())
    assert message["content"] == "Paris is big."
