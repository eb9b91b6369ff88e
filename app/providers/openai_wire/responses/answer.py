"""A complete Messages answer as a Response."""

from collections.abc import Mapping

from app.errors import UpstreamFailed
from app.providers.openai_wire.responses.items import (
    call_item,
    custom_input,
    item_id,
    message_item,
    output_text,
    reasoning_item,
    response_id,
    response_object,
)
from app.providers.openai_wire.responses.names import ToolName, known_as
from app.providers.openai_wire.responses.request import ResponsesRequest
from app.providers.openai_wire.tables import INCOMPLETE_REASONS
from app.providers.openai_wire.translation import Json, Losses, Translation, dumps, mapping, objects, parsed, text
from app.providers.openai_wire.usage import usage_to_responses


def message_to_response(body: bytes, request: ResponsesRequest, created_s: int) -> Translation:
    """Translate a served answer (status 2xx) to `request`. `created_s`: seconds since the epoch.

    Raises UpstreamFailed when the body is no message.
    """
    message = mapping(parsed(body))
    if message.get("type") != "message":
        raise UpstreamFailed("The upstream's answer is no message.", phase="body", sent=True)
    losses = Losses()
    head: Json = {"id": response_id(message), "created_at": created_s, "model": text(message.get("model"))}
    stop_reason = text(message.get("stop_reason")) or "end_turn"
    output: list[Json] = []
    blocks = objects(message.get("content"))
    for block in blocks:
        is_cut = stop_reason in INCOMPLETE_REASONS and block is blocks[-1]
        status = "incomplete" if is_cut else "completed"
        if item := _item(block, (head["id"], len(output)), request.names, status):
            output.append(item)
        else:
            losses.add(f"content.{block.get('type')}")
        if block.get("citations"):
            losses.add("citations")
    response = response_object(head, request.echo, output, stop_reason)
    response["usage"] = usage_to_responses(mapping(message.get("usage")))
    return Translation(dumps(response), losses.listed())


def _item(block: Json, place: tuple[str, int], names: Mapping[str, ToolName], status: str) -> Json | None:
    response, index = place
    match block.get("type"):
        case "text":
            parts = [output_text(text(block.get("text")))]
            return message_item(item_id(response, "text", index), parts, status)
        case "thinking" | "redacted_thinking":
            return reasoning_item(item_id(response, "thinking", index), block)
        case "tool_use":
            tool = known_as(text(block.get("name")), names)
            given = mapping(block.get("input"))
            arguments = custom_input(given) if tool.kind == "custom" else dumps(given).decode()
            place_id = item_id(response, tool.kind, index)
            return call_item(place_id, text(block.get("id")), tool, arguments, status)
    return None
