import json

from app.usage.conversation.blocks import linked
from app.usage.conversation.responses import responses
from tests.unit.usage.talk import bodies, stream

ASKED = {
    "model": "gpt-5",
    "instructions": "Be kind",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "schön"},
                                     {"type": "input_image", "image_url": "https://x/y.png"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "function_call", "call_id": "c1", "name": "find", "arguments": "{\"a\": 1}"},
        {"type": "function_call_output", "call_id": "c1", "output": "found"},
    ],
    "tools": [{"type": "function", "name": "find", "parameters": {}}],
}  # fmt: skip
ITEM = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Grüße"}]}


def test_question_is_read() -> None:
    found = linked(responses(bodies(ASKED, {"status": "completed", "output": [ITEM]})))
    assert [one.text for one in found.system] == ["Be kind"]
    kinds = [(one.role, block.kind) for one in found.messages for block in one.blocks]
    assert kinds == [
        ("user", "text"),
        ("user", "image"),
        ("assistant", "thinking"),
        ("assistant", "tool_call"),
        ("tool", "tool_result"),
        ("assistant", "text"),
    ]
    assert json.loads(found.messages[2].blocks[0].text) == {"a": 1}
    assert found.messages[3].blocks[0].link == (2, 0)
    assert (found.messages[-1].is_answer, found.stop_reason) == (True, "completed")


def test_last_event_of_a_stream_holds_the_answer() -> None:
    answer = stream(
        {"type": "response.created", "response": {"model": "gpt-5-x", "output": []}},
        {"type": "response.output_text.delta", "delta": "Grü"},
        {"type": "response.completed", "response": {"model": "gpt-5-x", "status": "completed", "output": [ITEM]}},
    )
    found = responses(bodies(ASKED, answer))
    assert (found.messages[-1].blocks[0].text, found.model) == ("Grüße", "gpt-5-x")


def test_stream_that_broke_shows_what_came() -> None:
    answer = stream(
        {"type": "response.created", "response": {"model": "gpt-5-x"}},
        {"type": "response.output_item.done", "item": ITEM},
        {"type": "response.output_text.delta", "delta": "und "},
        {"type": "response.output_text.delta", "delta": "so"},
        {"type": "error", "message": "gone", "code": "x"},
    )
    found = responses(bodies("{}", answer))
    assert [one.blocks[0].text for one in found.messages] == ["Grüße", "und so"]
    assert found.error == "None: gone"
