"""The turns of a Messages conversation as Chat Completions messages."""

from collections.abc import Mapping
from typing import Any

from app.providers.openai_wire.account.blocks import as_text, image_part, is_text, user_parts
from app.providers.openai_wire.dialect import Dialect
from app.providers.openai_wire.translation import Json, Losses, dumps, items, joined, mapping, objects, text

_SERVER_SIDE = ("server_tool_use", "mcp_tool_use", "mcp_tool_result")


def system_text(system: object, dialect: Dialect, losses: Losses) -> str | list[Json]:
    """Return the system prompt as one text, or as parts where the server understands cache marks."""
    if isinstance(system, str):
        return system
    blocks = [block for block in objects(system) if text(block.get("text"))]
    if any(block.get("cache_control") for block in blocks):
        if dialect.cache_control:
            return [_marked(block) for block in blocks]
        losses.add("cache_control")
    return joined([text(block["text"]) for block in blocks], "\n\n")


def chat_turns(turns: list[Any], dialect: Dialect, sent_names: Mapping[str, str], losses: Losses) -> list[Json]:
    """Return the messages that say what `turns` say, in the same order."""
    messages: list[Json] = []
    for turn in objects(turns):
        content = turn.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else objects(content)
        match turn.get("role"):
            case "assistant":
                messages.append(_assistant(blocks, dialect, sent_names, losses))
            case "system":
                messages.append({"role": "system", "content": system_text(blocks, dialect, losses)})
            case _:
                messages += _user(blocks, dialect, losses)
    return messages


def _assistant(blocks: list[Json], dialect: Dialect, sent_names: Mapping[str, str], losses: Losses) -> Json:
    said: list[str] = []
    thoughts: list[Json] = []
    calls: list[Json] = []
    for block in blocks:
        kind = text(block.get("type"))
        if kind == "tool_use":
            calls.append(_call(block, sent_names))
        elif kind in ("thinking", "redacted_thinking"):
            thoughts.append(block)
        elif kind in _SERVER_SIDE or kind.endswith("_tool_result"):
            losses.add(f"messages.{kind}")
        else:
            if calls and is_text(block):
                losses.add("messages: text after a tool call is moved before it")
            said.append(as_text(block, losses))
    message: Json = {"role": "assistant", "content": joined(said, "") or None}
    message |= _thoughts(thoughts, dialect, losses)
    if calls:
        message["tool_calls"] = calls
    elif message["content"] is None:
        message["content"] = ""
    return message


def _call(block: Json, sent_names: Mapping[str, str]) -> Json:
    name = text(block.get("name"))
    arguments = dumps(mapping(block.get("input"))).decode()
    function = {"name": sent_names.get(name, name), "arguments": arguments}
    return {"id": text(block.get("id")), "type": "function", "function": function}


def _thoughts(thoughts: list[Json], dialect: Dialect, losses: Losses) -> Json:
    if not thoughts:
        return {}
    if dialect.thinking is None:
        losses.add("messages.thinking")
        return {}
    if dialect.thinking == "reasoning_details":
        return {"reasoning_details": [_detail(block, index) for index, block in enumerate(thoughts)]}
    if any(block.get("type") == "redacted_thinking" for block in thoughts):
        losses.add("messages.redacted_thinking")
    if any(block.get("signature") for block in thoughts):
        losses.add("messages.thinking.signature")
    thought = joined([text(block.get("thinking")) for block in thoughts], "\n\n")
    return {"reasoning_content": thought} if thought else {}


def _detail(block: Json, index: int) -> Json:
    base: Json = {"index": index, "format": "anthropic-claude-v1"}
    if block.get("type") == "redacted_thinking":
        return {"type": "reasoning.encrypted", "data": text(block.get("data"))} | base
    detail: Json = {"type": "reasoning.text", "text": text(block.get("thinking"))} | base
    if signature := text(block.get("signature")):
        detail["signature"] = signature
    return detail


def _user(blocks: list[Json], dialect: Dialect, losses: Losses) -> list[Json]:
    """Return tool results first, as the API wants them right after the calls, then what else the turn holds."""
    results = [block for block in blocks if block.get("type") == "tool_result"]
    rest = [block for block in blocks if block.get("type") != "tool_result"]
    messages: list[Json] = []
    shown: list[Json] = []
    for block in results:
        message, images = _result(block, dialect, losses)
        messages.append(message)
        shown += images
    parts = shown + user_parts(rest, dialect, losses)
    if parts or not results:
        messages.append({"role": "user", "content": _content(parts)})
    return messages


def _content(parts: list[Json]) -> str | list[Json]:
    """Return plain text where text is all there is: not every server takes an array."""
    if all(part["type"] == "text" and len(part) == 2 for part in parts):
        return joined([part["text"] for part in parts], "\n\n")
    return parts


def _result(block: Json, dialect: Dialect, losses: Losses) -> tuple[Json, list[Json]]:
    """Return the tool message, and the images that only a user message can carry, labelled with the call's id."""
    call_id = text(block.get("tool_use_id"))
    content = block.get("content")
    inner = [{"type": "text", "text": content}] if isinstance(content, str) else items(content)
    said: list[str] = []
    shown: list[Json] = []
    for part in objects(inner):
        image = image_part(part, dialect, losses) if part.get("type") == "image" else None
        if image is None:
            said.append("" if part.get("type") == "image" else as_text(part, losses))
            continue
        shown.append(image)
        said.append("[image below]")
    answer = joined(said, "\n")
    if block.get("is_error") is True and not answer.lower().startswith("error"):
        answer = f"Error: {answer}" if answer else "Error"
    if shown:
        shown.insert(0, {"type": "text", "text": f"Result of tool call {call_id}:"})
        losses.add("tool_result images: sent in the user message that follows")
    if block.get("cache_control"):
        losses.add("cache_control")
    return {"role": "tool", "tool_call_id": call_id, "content": answer}, shown


def _marked(block: Json) -> Json:
    part: Json = {"type": "text", "text": block["text"]}
    if block.get("cache_control"):
        part["cache_control"] = block["cache_control"]
    return part
