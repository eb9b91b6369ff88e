"""Output items of a Response, and the Response around them."""

from app.providers.openai_wire.responses.names import ToolName
from app.providers.openai_wire.responses.thought import sealed
from app.providers.openai_wire.tables import INCOMPLETE_REASONS
from app.providers.openai_wire.translation import Json, mapping, text, tool_input

PREFIXES = {"text": "msg", "thinking": "rs", "redacted_thinking": "rs", "function": "fc", "custom": "ctc"}


def response_id(message: Json) -> str:
    """Return a Response's id that still shows the message's."""
    return f"resp_{text(message.get('id')).removeprefix('msg_')}"


def item_id(response: str, kind: str, index: int) -> str:
    """Return the id of the output item at `index`."""
    return f"{PREFIXES[kind]}_{response.removeprefix('resp_')}_{index}"


def output_text(said: str) -> Json:
    """Return a part of an output message."""
    return {"type": "output_text", "text": said, "annotations": [], "logprobs": []}


def message_item(item: str, parts: list[Json], status: str) -> Json:
    """Return an output message."""
    return {"id": item, "type": "message", "role": "assistant", "status": status, "content": parts}


def reasoning_item(item: str, block: Json | None) -> Json:
    """Return a reasoning item; `block` None: it has only begun."""
    made: Json = {"id": item, "type": "reasoning", "summary": []}
    if block is None:
        return made
    if thought := text(block.get("thinking")):
        made["summary"] = [{"type": "summary_text", "text": thought}]
    return made | {"encrypted_content": sealed(block)}


def call_item(item: str, call_id: str, tool: ToolName, arguments: str, status: str) -> Json:
    """Return a call of a function or of a custom tool. `arguments`: JSON, or the custom tool's free text."""
    made: Json = {"id": item, "type": "function_call", "call_id": call_id, "name": tool.name}
    if tool.kind == "custom":
        made |= {"type": "custom_tool_call", "input": arguments}
    else:
        made |= {"arguments": arguments}
    if tool.namespace:
        made["namespace"] = tool.namespace
    return made | {"status": status}


def custom_input(given: Json | str) -> str:
    """Return a custom tool's free text from the arguments that carried it."""
    arguments = tool_input(given, None)
    inner = arguments.get("input")
    return inner if isinstance(inner, str) else text(arguments.get("raw_arguments"))


def response_object(head: Json, echo: Json, output: list[Json], stop_reason: object) -> Json:
    """Return a Response: `head` has id, created_at and model; `stop_reason` None while it is in progress."""
    reason = INCOMPLETE_REASONS.get(text(stop_reason))
    status = "in_progress" if stop_reason is None else "incomplete" if reason else "completed"
    made: Json = {"id": head["id"], "object": "response", "created_at": head["created_at"], "status": status}
    made |= {"error": None, "incomplete_details": {"reason": reason} if reason else None}
    made |= {"model": head["model"], "output": output, "usage": None}
    return made | mapping(echo)
