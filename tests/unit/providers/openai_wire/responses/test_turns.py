from app.providers.openai_wire.responses.turns import input_turns
from app.providers.openai_wire.translation import Losses


def test_items_of_one_side_share_a_turn() -> None:
    given = [
        {"role": "user", "content": "x"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Ok."}]},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "b", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "1"},
        {"type": "function_call_output", "call_id": "b", "output": "2"},
    ]
    messages = input_turns(given, None, Losses()).fields()["messages"]
    assert [(turn["role"], len(turn["content"])) for turn in messages] == [("user", 1), ("assistant", 3), ("user", 2)]


def test_images_in_a_tool_output_are_kept() -> None:
    image = {"type": "input_image", "image_url": "https://example.com/a.png"}
    given = [{"type": "function_call_output", "call_id": "a", "output": [image]}]
    [turn] = input_turns(given, None, Losses()).fields()["messages"]
    assert turn["content"][0]["content"] == [
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    ]


def test_instructions_come_before_developer_messages() -> None:
    given = [{"role": "developer", "content": "two"}, {"role": "user", "content": "x"}]
    losses = Losses()
    system = input_turns(given, "one", losses).fields()["system"]
    assert [block["text"] for block in system] == ["one", "two"]
    assert losses.listed() == ()
