"""Says whether a translated stream keeps the order that its API promises."""

import json
from typing import Any

from app.providers.sse import SSEParser


def message_events(stream: bytes) -> list[dict[str, Any]]:
    """Return a Messages stream's events. Fails unless they are in order, and end with message_stop or an error."""
    events = [json.loads(event.data) for event in _named(stream)]
    told = [event for event in events if event["type"] != "ping"]
    assert told, "nothing came"
    last = told[-1]["type"]
    assert last in ("message_stop", "error")
    if last == "error":
        told.pop()
    else:
        assert [event["type"] for event in told[-2:]] == ["message_delta", "message_stop"]
        assert told[-2]["delta"]["stop_reason"] is not None
        assert isinstance(told[-2]["usage"]["output_tokens"], int)
    if told:
        assert told[0]["type"] == "message_start"
    open_block: int | None = None
    blocks = 0
    for event in told[1:]:
        match event["type"]:
            case "content_block_start":
                assert open_block is None
                assert event["index"] == blocks
                open_block = blocks
                blocks += 1
            case "content_block_delta":
                assert event["index"] == open_block
            case "content_block_stop":
                assert event["index"] == open_block
                open_block = None
            case "message_delta" | "message_stop":
                assert open_block is None
            case kind:
                raise AssertionError(f"{kind} in the middle")
    return events


def response_events(stream: bytes) -> list[dict[str, Any]]:
    """Return a Responses stream's events. Fails unless numbered, in order, and ended by a final Response."""
    events = [json.loads(event.data) for event in _named(stream)]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    final = kinds[-1].removeprefix("response.")
    assert final in ("completed", "incomplete", "failed")
    response = events[-1]["response"]
    assert response["status"] == final
    added = [event for event in events if event["type"] == "response.output_item.added"]
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert [event["output_index"] for event in added] == list(range(len(added)))
    if final != "failed":
        assert response["output"] == done
        assert [event["item"]["id"] for event in added] == [item["id"] for item in done]
    return events


def chat_chunks(stream: bytes) -> list[dict[str, Any]]:
    """Return a Chat Completions stream's chunks. Fails unless it ends with [DONE] or an error."""
    data = [event.data for event in SSEParser().feed(stream)]
    if data[-1] != b"[DONE]":
        chunks = [json.loads(each) for each in data]
        assert "error" in chunks[-1]
        return chunks
    chunks = [json.loads(each) for each in data[:-1]]
    finishes = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]]
    assert finishes[-1] is not None
    assert not any(finishes[:-1])
    return chunks


def _named(stream: bytes) -> list[Any]:
    events = SSEParser().feed(stream)
    for event in events:
        assert event.event == json.loads(event.data)["type"]
    return events
