"""Reads a conversation of the Messages API.

Blocks and events: https://docs.anthropic.com/en/api/messages and .../messages-streaming
"""

from typing import Any

from app.usage.bodies import Bodies, Body
from app.usage.conversation.blocks import (
    Block,
    Conversation,
    Json,
    Message,
    Tool,
    dumps,
    events_of,
    input_text,
    is_stream,
    json_of,
    mapping,
    media_block,
    messages_of,
    objects,
    text_block,
    word,
)


def anthropic(bodies: Bodies) -> Conversation:
    """Return what two bodies say."""
    faults: list[str] = []
    asked = json_of(bodies.request, "request", faults)
    messages = messages_of(objects(asked.get("messages")), _message, faults)
    answer = _streamed(bodies.answer) if is_stream(bodies.answer) else json_of(bodies.answer, "answer", faults)
    error = mapping(answer.get("error"))
    if answer.get("content"):
        messages.append(
            Message(word(answer.get("role")) or "assistant", _blocks(answer.get("content")), is_answer=True)
        )
    return Conversation(
        system=_blocks(asked.get("system")),
        tools=tuple(_tool(one) for one in objects(asked.get("tools"))),
        messages=tuple(messages),
        model=word(answer.get("model")) or word(asked.get("model")),
        stop_reason=word(answer.get("stop_reason")),
        error=f"{error.get('type')}: {error.get('message')}" if error else None,
        is_whole=bodies.request.is_whole and bodies.answer.is_whole,
        faults=tuple(faults),
    )


def _message(item: Json) -> Message | None:
    role = word(item.get("role"))
    return None if role is None else Message(role, _blocks(item.get("content")))


def _blocks(content: object) -> tuple[Block, ...]:
    if isinstance(content, str):
        return (text_block("text", content),) if content else ()
    return tuple(_block(one) for one in objects(content))


def _block(one: Json) -> Block:
    kind = word(one.get("type")) or "other"
    cached = bool(one.get("cache_control"))
    if kind == "text":
        return text_block("text", one.get("text"), cached=cached)
    if kind in ("thinking", "redacted_thinking"):
        return text_block("thinking", one.get("thinking") or "", name="redacted" if kind != "thinking" else None)
    if kind.endswith("tool_use"):
        said = input_text(one.get("input"))
        return text_block("tool_call", said, name=word(one.get("name")), call_id=word(one.get("id")), cached=cached)
    if kind.endswith("tool_result"):
        return _result(one, cached)
    if kind in ("image", "document"):
        return _media(one, kind, cached)
    return text_block("other", dumps(one), name=kind, cached=cached)


def _result(one: Json, cached: bool) -> Block:
    """Return a tool's result: its texts joined, other parts named."""
    content = one.get("content")
    parts = [content] if isinstance(content, str) else [_said(_block(part)) for part in objects(content)]
    if isinstance(content, dict):
        parts = [dumps(content)]
    is_error = one.get("is_error") is True or str(mapping(content).get("type", "")).endswith("_error")
    said = "\n".join(parts)
    return text_block("tool_result", said, call_id=word(one.get("tool_use_id")), is_error=is_error, cached=cached)


def _said(block: Block) -> str:
    if block.kind in ("image", "document"):
        return f"[{block.kind} {block.media_type or block.source or ''}]"
    return block.text


def _media(one: Json, kind: str, cached: bool) -> Block:
    source = mapping(one.get("source"))
    if kind == "document" and source.get("type") == "text":
        return text_block("document", source.get("data"), media_type="text/plain", source="data", cached=cached)
    where = source.get("url") or source.get("file_id")
    data = source.get("data")
    if kind == "image":
        return media_block("image", source.get("media_type"), data, where, cached=cached)
    return media_block("document", source.get("media_type"), data, where, name=word(one.get("title")), cached=cached)


def _tool(one: Json) -> Tool:
    schema = one.get("input_schema")
    return Tool(
        word(one.get("name")) or word(one.get("type")) or "unnamed",
        word(one.get("description")) or "",
        "" if schema is None else dumps(schema),
    )


def _streamed(body: Body) -> Json:
    """Put a stream's events together to the message that they make."""
    message: Json = {}
    blocks: dict[Any, Json] = {}
    for event in events_of(body):
        match event.get("type"):
            case "message_start":
                message = dict(mapping(event.get("message")))
            case "content_block_start":
                blocks[event.get("index")] = dict(mapping(event.get("content_block")))
            case "content_block_delta":
                _add(blocks.setdefault(event.get("index"), {"type": "text"}), mapping(event.get("delta")))
            case "message_delta":
                message.update(mapping(event.get("delta")))
            case "error":
                message["error"] = mapping(event.get("error"))
    message["content"] = [_ended(block) for block in blocks.values()]
    return message


def _add(block: Json, delta: Json) -> None:
    """Add a piece to an open block; the pieces of a call's input only make sense together."""
    for name in ("text", "thinking", "partial_json"):
        piece = delta.get(name)
        if isinstance(piece, str):
            held = block.setdefault(f"+{name}", [])
            held.append(piece)


def _ended(block: Json) -> Json:
    for name in ("text", "thinking"):
        if pieces := block.pop(f"+{name}", None):
            block[name] = (word(block.get(name)) or "") + "".join(pieces)
    if pieces := block.pop("+partial_json", None):
        block["input"] = "".join(pieces)
    return block
