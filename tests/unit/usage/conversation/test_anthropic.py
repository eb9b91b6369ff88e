import base64
import json

from app.usage.conversation.anthropic import anthropic
from app.usage.conversation.blocks import MAX_TEXT
from tests.unit.usage.talk import bodies, stream

ASKED = {
    "model": "claude-opus-4-5",
    "system": [{"type": "text", "text": "Du bist hilfreich.", "cache_control": {"type": "ephemeral"}}],
    "tools": [{"name": "Bash", "description": "Runs", "input_schema": {"type": "object"}}, {"type": "web_search_1"}],
    "messages": [
        {"role": "user", "content": "日本語"},
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
                {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
                {"type": "document", "title": "T", "source": {"type": "file", "file_id": "file_1"}},
                {"type": "tool_result", "tool_use_id": "t", "is_error": True,
                 "content": [{"type": "text", "text": "no"}, {"type": "image", "source": {"media_type": "image/gif"}}]},
                {"type": "search_result", "title": "new kind"},
            ],
        },
    ],
}  # fmt: skip


def delta(index: int, **piece: str) -> dict[str, object]:
    return {"type": "content_block_delta", "index": index, "delta": piece}


ANSWER = stream(
    {"type": "message_start", "message": {"role": "assistant", "model": "claude-opus-4-5-20251101", "content": []}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    delta(0, type="thinking_delta", thinking="Hm… "),
    delta(0, type="thinking_delta", thinking="ja"),
    delta(0, type="signature_delta", signature="c2ln"),
    {"type": "content_block_stop", "index": 0},
    {"type": "ping"},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    delta(1, type="text_delta", text="Grü"),
    delta(1, type="text_delta", text="ße"),
    {"type": "content_block_start", "index": 2,
     "content_block": {"type": "tool_use", "id": "t9", "name": "Bash", "input": {}}},
    delta(2, type="input_json_delta", partial_json='{"comm'),
    delta(2, type="input_json_delta", partial_json='and": "ls"}'),
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
)  # fmt: skip


def test_stream_is_put_together_block_by_block() -> None:
    found = anthropic(bodies(ASKED, ANSWER))
    answer = found.messages[-1]
    assert answer.is_answer
    assert [(one.kind, one.text) for one in answer.blocks[:2]] == [("thinking", "Hm… ja"), ("text", "Grüße")]
    assert (answer.blocks[2].name, json.loads(answer.blocks[2].text)) == ("Bash", {"command": "ls"})
    assert (found.stop_reason, found.model) == ("tool_use", "claude-opus-4-5-20251101")


def test_question_shows_system_tools_and_references_to_images() -> None:
    found = anthropic(bodies(ASKED, ANSWER))
    assert [(one.text, one.cached) for one in found.system] == [("Du bist hilfreich.", True)]
    assert [one.name for one in found.tools] == ["Bash", "web_search_1"]
    inline, linked, document, result, other = found.messages[1].blocks
    assert (inline.source, inline.size_bytes, inline.media_type) == ("data", 3, "image/png")
    assert (linked.source, document.source, document.name) == ("https://x/y.png", "file_1", "T")
    assert (result.text, result.is_error, result.call_id) == ("no\n[image image/gif]", True, "t")
    assert (other.kind, other.name) == ("other", "search_result")


def test_answer_in_one_piece_is_read_like_a_stream() -> None:
    answer = {"role": "assistant", "model": "m", "stop_reason": "end_turn", "content": [{"type": "text", "text": "ja"}]}
    found = anthropic(bodies({**ASKED, "messages": []}, answer))
    assert (found.messages[0].blocks[0].text, found.stop_reason) == ("ja", "end_turn")


def test_stream_that_broke_shows_what_came_and_its_error() -> None:
    broken = ANSWER[: ANSWER.index('and\\": ')]
    cut = broken[: broken.rindex("event:")] + stream(
        {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}
    )
    found = anthropic(bodies(ASKED, cut))
    assert found.messages[-1].blocks[2].text == '{"comm'
    assert found.error == "overloaded_error: x"


def test_request_that_was_cut_shows_what_is_complete() -> None:
    text = json.dumps(ASKED, ensure_ascii=False)
    found = anthropic(bodies(text[: text.index('"tool_result"')], ANSWER, whole=False))
    assert [len(one.blocks) for one in found.messages[:2]] == [1, 3]
    assert found.faults == ("the request is cut short",)
    assert not found.is_whole


def test_long_text_is_cut_and_says_so() -> None:
    asked = {"messages": [{"role": "user", "content": "x" * (MAX_TEXT + 7)}]}
    block = anthropic(bodies(asked, "")).messages[0].blocks[0]
    assert (len(block.text), block.cut_chars) == (MAX_TEXT, 7)


def test_size_of_inline_data_is_that_of_the_bytes() -> None:
    for size in range(1, 8):
        data = base64.b64encode(b"x" * size).decode()
        asked = {"messages": [{"role": "user", "content": [{"type": "image", "source": {"data": data}}]}]}
        assert anthropic(bodies(asked, "")).messages[0].blocks[0].size_bytes == size
