import pytest

from app.errors import InvalidInput
from app.providers.openai_wire.claude import claude_model
from app.providers.openai_wire.front import Choice, Turns, choice_fields, file_block, image_block, reasoning_fields
from app.providers.openai_wire.translation import Losses


def test_neighbours_of_one_role_become_one_turn_with_results_first() -> None:
    turns = Turns()
    turns.add("user", [{"type": "text", "text": "a"}])
    turns.add("user", [{"type": "tool_result", "tool_use_id": "t"}])
    assert turns.fields()["messages"] == [
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}, {"type": "text", "text": "a"}]}
    ]


def test_turn_of_white_space_is_left_out() -> None:
    turns = Turns()
    turns.add("user", [{"type": "text", "text": " \n"}])
    with pytest.raises(InvalidInput):
        turns.fields()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "data:image/png,AA", ""])
def test_image_that_no_upstream_could_read_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="here"):
        image_block(url, "here")


def test_image_in_a_file_is_an_image() -> None:
    block = file_block({"file_data": "data:image/png;base64,AA=="}, "here")
    assert block["type"] == "image"


def test_choice_of_an_unknown_tool_is_a_loss() -> None:
    losses = Losses()
    assert choice_fields(Choice("tool", "gone"), ["f"], None, losses) == {}
    assert losses.listed() == ("tool_choice",)


def test_tool_named_like_a_mode_can_be_chosen() -> None:
    chosen = choice_fields(Choice("tool", "auto"), ["auto"], None, Losses())
    assert chosen == {"tool_choice": {"type": "tool", "name": "auto"}}


def test_adaptive_thinking_goes_on_without_earlier_thoughts() -> None:
    made = {
        "max_tokens": 9_000,
        "messages": [
            {"role": "assistant", "content": [{"type": "tool_use"}]},
            {"role": "user", "content": [{"type": "tool_result"}]},
        ],
    }
    assert reasoning_fields("low", made, claude_model("claude-opus-5"), Losses())
    assert not reasoning_fields("low", made, claude_model("claude-sonnet-4-5"), Losses())
