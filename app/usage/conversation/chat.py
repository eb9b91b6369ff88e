"""Reads a conversation of the Chat Completions API."""

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

SYSTEM = ("system", "developer")


def chat(bodies: Bodies) -> Conversation:
    """Return what two bodies say."""
    faults: list[str] = []
    asked = json_of(bodies.request, "request", faults)
    said = messages_of(objects(asked.get("messages")), message_of, faults)
    messages = [one for one in said if one.role not in SYSTEM]
    answer = _streamed(bodies.answer) if is_stream(bodies.answer) else json_of(bodies.answer, "answer", faults)
    choice = next(objects(answer.get("choices")), {})
    reply = message_of({"role": "assistant"} | mapping(choice.get("message")))
    if reply is not None and reply.blocks:
        messages.append(Message(reply.role, reply.blocks, is_answer=True))
    return Conversation(
        system=tuple(block for one in said if one.role in SYSTEM for block in one.blocks),
        tools=tuple(tool_of(mapping(one.get("function")) or one) for one in objects(asked.get("tools"))),
        messages=tuple(messages),
        model=word(answer.get("model")) or word(asked.get("model")),
        stop_reason=word(choice.get("finish_reason")),
        error=error_of(answer),
        is_whole=bodies.request.is_whole and bodies.answer.is_whole,
        faults=tuple(faults),
    )


def message_of(item: Json) -> Message | None:
    """Return one message; None for what is none."""
    role = word(item.get("role"))
    if role is None:
        return None
    blocks: list[Block] = []
    for name in ("reasoning_content", "reasoning"):
        if isinstance(item.get(name), str) and item[name]:
            blocks.append(text_block("thinking", item[name]))
            break
    if role in ("tool", "function"):
        said = "\n".join(block.text for block in parts_of(item.get("content")))
        call_id = word(item.get("tool_call_id")) or word(item.get("name"))
        return Message(role, (text_block("tool_result", said, call_id=call_id),))
    blocks += parts_of(item.get("content"))
    if word(item.get("refusal")):
        blocks.append(text_block("text", item["refusal"], name="refusal"))
    for call in objects(item.get("tool_calls")):
        made = mapping(call.get("function"))
        said = input_text(made.get("arguments"))
        blocks.append(text_block("tool_call", said, name=word(made.get("name")), call_id=word(call.get("id"))))
    return Message(role, tuple(blocks))


def parts_of(content: object) -> list[Block]:
    """Return the blocks of a content: a text, or a list of parts of either OpenAI API."""
    if isinstance(content, str):
        return [text_block("text", content)] if content else []
    return [_part(one) for one in objects(content)]


def tool_of(function: Json) -> Tool:
    """Return a tool that the model was offered."""
    schema = function.get("parameters")
    return Tool(
        word(function.get("name")) or word(function.get("type")) or "unnamed",
        word(function.get("description")) or "",
        "" if schema is None else dumps(schema),
    )


def error_of(answer: Json) -> str | None:
    """Return what an answer says that went wrong."""
    error = answer.get("error")
    if isinstance(error, dict):
        return f"{error.get('type') or error.get('code')}: {error.get('message')}"
    return word(error)


def _part(one: Json) -> Block:
    kind = word(one.get("type")) or "other"
    if kind in ("text", "input_text", "output_text"):
        return text_block("text", one.get("text"), cached=bool(one.get("cache_control")))
    if kind == "refusal":
        return text_block("text", one.get("refusal"), name="refusal")
    if kind in ("image_url", "input_image"):
        image = one.get("image_url")
        return media_block("image", None, None, image.get("url") if isinstance(image, dict) else image)
    if kind in ("file", "input_file"):
        file = mapping(one.get("file")) or one
        where = file.get("file_data") or file.get("file_url") or file.get("file_id")
        return media_block("document", None, None, where, name=word(file.get("filename")))
    if kind == "input_audio":
        audio = mapping(one.get("input_audio"))
        return media_block("other", f"audio/{audio.get('format')}", audio.get("data"), None, name="audio")
    return text_block("other", dumps(one), name=kind)


def _streamed(body: Body) -> Json:
    """Put the chunks of the first choice together."""
    answer: Json = {}
    message: dict[str, Any] = {}
    calls: dict[Any, Json] = {}
    finish = None
    for chunk in events_of(body):
        answer.update({name: chunk[name] for name in ("model", "error") if chunk.get(name)})
        for choice in objects(chunk.get("choices")):
            if choice.get("index", 0) != 0:
                continue
            finish = word(choice.get("finish_reason")) or finish
            _add(message, calls, mapping(choice.get("delta")))
    made: Json = {name: "".join(pieces) for name, pieces in message.items()}
    made["tool_calls"] = [
        {"id": call["id"], "function": {"name": call["name"], "arguments": "".join(call["pieces"])}}
        for call in calls.values()
    ]
    return answer | {"choices": [{"message": made, "finish_reason": finish}]}


def _add(message: dict[str, Any], calls: dict[Any, Json], delta: Json) -> None:
    for name in ("content", "reasoning_content", "reasoning", "refusal"):
        if isinstance(delta.get(name), str):
            message.setdefault(name, []).append(delta[name])
    for piece in objects(delta.get("tool_calls")):
        call = calls.setdefault(piece.get("index", 0), {"id": None, "name": None, "pieces": []})
        made = mapping(piece.get("function"))
        call["id"] = word(piece.get("id")) or call["id"]
        call["name"] = word(made.get("name")) or call["name"]
        if isinstance(made.get("arguments"), str):
            call["pieces"].append(made["arguments"])
