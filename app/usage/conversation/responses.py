"""Reads a conversation of the Responses API."""

from app.usage.bodies import Bodies, Body
from app.usage.conversation.blocks import (
    Block,
    Conversation,
    Json,
    Message,
    dumps,
    events_of,
    input_text,
    is_stream,
    json_of,
    mapping,
    messages_of,
    objects,
    text_block,
    word,
)
from app.usage.conversation.chat import SYSTEM, error_of, parts_of, tool_of

_ENDS = ("response.completed", "response.incomplete", "response.failed")


def responses(bodies: Bodies) -> Conversation:
    """Return what two bodies say."""
    faults: list[str] = []
    asked = json_of(bodies.request, "request", faults)
    given = asked.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else list(objects(given))
    said = messages_of(items, _item, faults)
    answer = _streamed(bodies.answer) if is_stream(bodies.answer) else json_of(bodies.answer, "answer", faults)
    made = [one for item in objects(answer.get("output")) if (one := _item(item)) is not None]
    replies = [Message(one.role, one.blocks, is_answer=True) for one in made if one.blocks]
    instructions = asked.get("instructions")
    system = [text_block("text", instructions)] if isinstance(instructions, str) and instructions else []
    system += [block for one in said if one.role in SYSTEM for block in one.blocks]
    why = mapping(answer.get("incomplete_details")).get("reason")
    return Conversation(
        system=tuple(system),
        tools=tuple(tool_of(one) for one in objects(asked.get("tools"))),
        messages=(*(one for one in said if one.role not in SYSTEM), *replies),
        model=word(answer.get("model")) or word(asked.get("model")),
        stop_reason=word(why) or word(answer.get("status")),
        error=error_of(answer),
        is_whole=bodies.request.is_whole and bodies.answer.is_whole,
        faults=tuple(faults),
    )


def _item(item: Json) -> Message | None:
    kind = item.get("type", "message")
    if kind == "message":
        role = word(item.get("role"))
        return None if role is None else Message(role, tuple(parts_of(item.get("content"))))
    if kind == "reasoning":
        parts = [*objects(item.get("summary")), *objects(item.get("content"))]
        said = "\n".join(one["text"] for one in parts if isinstance(one.get("text"), str))
        return Message("assistant", (text_block("thinking", said),))
    call_id = word(item.get("call_id")) or word(item.get("id"))
    if isinstance(kind, str) and kind.endswith("_output"):
        output = item.get("output")
        said = output if isinstance(output, str) else "\n".join(_texts(output))
        return Message("tool", (text_block("tool_result", said, call_id=call_id),))
    if isinstance(kind, str) and kind.endswith("_call"):
        arguments = item.get("arguments", item.get("input", item.get("action")))
        name = word(item.get("name")) or kind
        return Message("assistant", (text_block("tool_call", input_text(arguments), name=name, call_id=call_id),))
    return Message("assistant", (text_block("other", dumps(item), name=str(kind)),))


def _texts(output: object) -> list[str]:
    blocks: list[Block] = parts_of(output)
    return [block.text or f"[{block.kind} {block.source or ''}]" for block in blocks]


def _streamed(body: Body) -> Json:
    """Return the response of the last event; of a stream that broke off, the items that were complete, and the rest
    of its text."""
    answer: Json = {}
    items: list[Json] = []
    open_text: list[str] = []
    for event in events_of(body):
        kind = event.get("type")
        if kind in _ENDS or kind == "response.created":
            answer = mapping(event.get("response"))
        elif kind == "response.output_text.delta":
            open_text.append(word(event.get("delta")) or "")
        elif kind == "response.output_item.done":
            items.append(mapping(event.get("item")))
            open_text = []
        elif kind == "error":
            answer = answer | {"error": mapping(event.get("error")) or {"message": event.get("message")}}
    if not answer.get("output"):
        if "".join(open_text):
            items.append({"type": "message", "role": "assistant", "content": "".join(open_text)})
        answer = answer | {"output": items}
    return answer
