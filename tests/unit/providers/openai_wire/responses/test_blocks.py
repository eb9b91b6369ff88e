from app.providers.openai_wire.responses.blocks import open_item


def test_block_without_a_counterpart_has_no_item() -> None:
    assert open_item("resp_1", 0, {"type": "server_tool_use"}, {}) is None


def test_text_in_the_opening_block_is_told() -> None:
    item = open_item("resp_1", 0, {"type": "text", "text": "already"}, {})
    assert item is not None
    assert [event["type"] for event in item.begin()][-1] == "response.output_text.delta"
    assert item.said == "already"


def test_thinking_without_text_has_no_summary() -> None:
    item = open_item("resp_1", 0, {"type": "thinking", "thinking": "", "signature": ""}, {})
    assert item is not None
    list(item.begin())
    assert list(item.piece({"type": "signature_delta", "signature": "c2ln"})) == []
    [done] = item.end("completed")
    assert done["item"]["summary"] == []


def test_call_without_arguments_has_an_empty_object() -> None:
    item = open_item("resp_1", 0, {"type": "tool_use", "id": "t", "name": "f", "input": {}}, {})
    assert item is not None
    list(item.begin())
    assert item.whole("completed")["arguments"] == "{}"
    assert item.chars == 0
