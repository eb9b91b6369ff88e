"""The input items of a Responses request as the turns of a Messages conversation."""

from typing import Any

from app.errors import InvalidInput
from app.providers.openai_wire.front import Turns, file_block, image_block, text_block
from app.providers.openai_wire.ids import safe_call_id
from app.providers.openai_wire.responses.names import sent_name
from app.providers.openai_wire.responses.thought import opened
from app.providers.openai_wire.translation import Json, Losses, items, objects, text, tool_input


def input_turns(given: Any, instructions: object, losses: Losses) -> Turns:
    """Return the turns that say what `input` and `instructions` say."""
    turns = Turns()
    if text(instructions):
        turns.add_system([text_block(text(instructions))], losses)
    if isinstance(given, str):
        turns.add("user", [text_block(given)])
    for number, item in enumerate(objects(items(given))):
        _add(turns, item, f"input[{number}]", losses)
    return turns


def _add(turns: Turns, item: Json, where: str, losses: Losses) -> None:
    kind = text(item.get("type")) or "message"
    match kind:
        case "message":
            _add_message(turns, item, where, losses)
        case "function_call":
            turns.add("assistant", [_call(item, tool_input(item.get("arguments"), losses))])
        case "custom_tool_call":
            turns.add("assistant", [_call(item, {"input": text(item.get("input"))})])
        case "function_call_output" | "custom_tool_call_output":
            turns.add("user", [_result(item, where, losses)])
        case "reasoning":
            if block := opened(item.get("encrypted_content")):
                turns.add("assistant", [block])
            else:
                losses.add("input.reasoning: the API takes back only thinking that it signed")
        case "item_reference":
            raise InvalidInput.field(where, "an item_reference cannot be resolved: nothing is stored here")
        case "additional_tools":
            pass
        case _:
            losses.add(f"input.{kind}")


def _add_message(turns: Turns, item: Json, where: str, losses: Losses) -> None:
    blocks = _blocks(item.get("content"), f"{where}.content", losses)
    match item.get("role"):
        case "system" | "developer":
            turns.add_system(blocks, losses)
        case "user" | "assistant" as role:
            turns.add(role, blocks)
        case role:
            raise InvalidInput.field(f"{where}.role", f"{role!r} is unknown")


def _blocks(content: object, where: str, losses: Losses) -> list[Json]:
    if isinstance(content, str):
        return [text_block(content)]
    return [_block(part, where, losses) for part in objects(content)]


def _block(part: Json, where: str, losses: Losses) -> Json:
    match part.get("type"):
        case "input_text" | "output_text" | "text" | "summary_text":
            return text_block(text(part.get("text")), part)
        case "refusal":
            return text_block(text(part.get("refusal")))
        case "input_image":
            if part.get("detail") not in (None, "auto"):
                losses.add("input_image.detail")
            if not text(part.get("image_url")):
                raise InvalidInput.field(where, "an image must come as a URL: its id is unknown here")
            return image_block(text(part["image_url"]), where)
        case "input_file":
            return file_block(part, where)
        case kind:
            raise InvalidInput.field(where, f"a part of type {kind!r} cannot be carried to this model")


def _call(item: Json, arguments: Json) -> Json:
    name = sent_name(text(item.get("name")), item.get("namespace"))
    return {"type": "tool_use", "id": safe_call_id(text(item.get("call_id"))), "name": name, "input": arguments}


def _result(item: Json, where: str, losses: Losses) -> Json:
    result: Json = {"type": "tool_result", "tool_use_id": safe_call_id(text(item.get("call_id")))}
    blocks = _blocks(item.get("output"), f"{where}.output", losses)
    kept = [block for block in blocks if block["type"] != "text" or block["text"].strip()]
    return result | ({"content": kept} if kept else {})
