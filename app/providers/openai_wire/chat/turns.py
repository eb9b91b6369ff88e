"""Chat Completions messages as the turns of a Messages conversation."""

from typing import Any

from app.errors import InvalidInput
from app.providers.openai_wire.front import Turns, file_block, image_block, text_block
from app.providers.openai_wire.ids import safe_call_id
from app.providers.openai_wire.translation import Json, Losses, mapping, objects, text, tool_input


def messages_turns(messages: list[Any], losses: Losses) -> Turns:
    """Return the turns that say what `messages` say."""
    turns = Turns()
    for number, message in enumerate(objects(messages)):
        where = f"messages[{number}].content"
        role, content = message.get("role"), message.get("content")
        match role:
            case "system" | "developer":
                turns.add_system(_blocks(content, where, losses), losses)
            case "user":
                turns.add("user", _blocks(content, where, losses))
            case "assistant":
                turns.add("assistant", _assistant(message, where, losses))
            case "tool" | "function":
                call_id = text(message.get("tool_call_id")) or text(message.get("name"))
                turns.add("user", [_result(call_id, _blocks(content, where, losses))])
            case _:
                raise InvalidInput.field(f"messages[{number}].role", f"{role!r} is unknown")
    return turns


def _blocks(content: object, where: str, losses: Losses) -> list[Json]:
    if isinstance(content, str):
        return [text_block(content)]
    return [block for part in objects(content) if (block := _block(part, where, losses))]


def _block(part: Json, where: str, losses: Losses) -> Json | None:
    match part.get("type"):
        case "text":
            return text_block(text(part.get("text")), part)
        case "refusal":
            return text_block(text(part.get("refusal")))
        case "image_url":
            image = part.get("image_url")
            url = image if isinstance(image, str) else text(mapping(image).get("url"))
            if mapping(image).get("detail") not in (None, "auto"):
                losses.add("image_url.detail")
            block = image_block(url, where)
        case "file":
            block = file_block(mapping(part.get("file")), where)
        case kind:
            raise InvalidInput.field(where, f"a part of type {kind!r} cannot be carried to this model")
    if part.get("cache_control"):
        block["cache_control"] = part["cache_control"]
    return block


def _assistant(message: Json, where: str, losses: Losses) -> list[Json]:
    blocks = _thoughts(message, losses) + _blocks(message.get("content"), where, losses)
    if refusal := text(message.get("refusal")):
        blocks.append(text_block(refusal))
    if message.get("audio"):
        losses.add("messages.audio")
    for call in objects(message.get("tool_calls")):
        function = mapping(call.get("function")) or mapping(call.get("custom"))
        arguments = function.get("arguments", function.get("input"))
        blocks.append(_call(text(call.get("id")), function, tool_input(arguments, losses)))
    if legacy := mapping(message.get("function_call")):
        blocks.append(_call(text(legacy.get("name")), legacy, tool_input(legacy.get("arguments"), losses)))
    return blocks


def _call(call_id: str, function: Json, arguments: Json) -> Json:
    return {"type": "tool_use", "id": safe_call_id(call_id), "name": text(function.get("name")), "input": arguments}


def _result(call_id: str, blocks: list[Json]) -> Json:
    result: Json = {"type": "tool_result", "tool_use_id": safe_call_id(call_id)}
    kept = [block for block in blocks if block["type"] != "text" or block["text"].strip()]
    return result | ({"content": kept} if kept else {})


def _thoughts(message: Json, losses: Losses) -> list[Json]:
    """Return the thinking that the client sent back; the API takes only what it signed itself."""
    blocks: dict[object, Json] = {}
    for detail in objects(message.get("reasoning_details")):
        if detail.get("type") == "reasoning.encrypted" and text(detail.get("data")):
            blocks[len(blocks), "data"] = {"type": "redacted_thinking", "data": detail["data"]}
        elif detail.get("type") == "reasoning.text":
            block = blocks.setdefault(detail.get("index"), {"type": "thinking", "thinking": "", "signature": ""})
            block["thinking"] += text(detail.get("text"))
            block["signature"] += text(detail.get("signature"))
    kept = [block for block in blocks.values() if block.get("signature") or block["type"] == "redacted_thinking"]
    if len(kept) < len(blocks) or (not blocks and text(message.get("reasoning_content"))):
        losses.add("messages.reasoning_content: the API takes back only thinking that it signed")
    return kept
