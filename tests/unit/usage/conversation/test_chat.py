import json

from app.usage.conversation.blocks import linked
from app.usage.conversation.chat import chat
from tests.unit.usage.talk import bodies, stream

ASKED = {
    "model": "gpt-5",
    "tools": [{"type": "function", "function": {"name": "find", "description": "d", "parameters": {"type": "object"}}}],
    "messages": [
        {"role": "system", "content": "Be kind"},
        {"role": "user", "content": [{"type": "text", "text": "schön"},
                                     {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}]},
        {"role": "assistant", "content": None,
         "tool_calls": [{"id": "c1", "function": {"name": "find", "arguments": "{\"a\": 1}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "found"},
    ],
}  # fmt: skip


def chunk(**delta: object) -> dict[str, object]:
    return {"model": "gpt-5-x", "choices": [{"index": 0, "delta": delta}]}


def test_chunks_make_text_and_whole_tool_inputs() -> None:
    answer = stream(
        chunk(role="assistant", reasoning_content="hm"),
        chunk(content="Grü"),
        chunk(content="ße"),
        chunk(tool_calls=[{"index": 0, "id": "c2", "function": {"name": "find", "arguments": '{"b"'}}]),
        chunk(tool_calls=[{"index": 1, "id": "c3", "function": {"name": "find", "arguments": ""}}]),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": ": 2}"}}]),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    ) + "data: [DONE]\n\n"  # fmt: skip
    found = chat(bodies(ASKED, answer))
    blocks = found.messages[-1].blocks
    assert [(one.kind, one.text) for one in blocks[:2]] == [("thinking", "hm"), ("text", "Grüße")]
    assert [(one.call_id, json.loads(one.text)) for one in blocks[2:]] == [("c2", {"b": 2}), ("c3", {})]
    assert (found.stop_reason, found.model) == ("tool_calls", "gpt-5-x")


def test_question_and_plain_answer_are_read() -> None:
    answer = {"model": "m", "choices": [{"message": {"role": "assistant", "content": "ja"}, "finish_reason": "stop"}]}
    found = linked(chat(bodies(ASKED, answer)))
    assert [one.text for one in found.system] == ["Be kind"]
    assert [one.role for one in found.messages] == ["user", "assistant", "tool", "assistant"]
    image = found.messages[0].blocks[1]
    assert (image.kind, image.media_type, image.source, image.size_bytes) == ("image", "image/png", "data", 3)
    assert (found.messages[2].blocks[0].link, found.messages[2].blocks[0].name) == ((1, 0), "find")
    assert found.messages[-1].is_answer


def test_error_is_shown() -> None:
    assert chat(bodies(ASKED, {"error": {"type": "invalid", "message": "no"}})).error == "invalid: no"
