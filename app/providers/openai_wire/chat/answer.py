"""A complete Messages answer as a Chat Completions answer."""

from app.errors import UpstreamFailed
from app.providers.openai_wire.tables import FINISH_REASONS
from app.providers.openai_wire.translation import Json, Losses, Translation, dumps, mapping, objects, parsed, text
from app.providers.openai_wire.usage import usage_to_chat

REASONING_FORMAT = "anthropic-claude-v1"


def message_to_chat(body: bytes, created_s: int) -> Translation:
    """Translate a served answer (status 2xx). `created_s`: seconds since the epoch.

    Raises UpstreamFailed when the body is no message.
    """
    message = mapping(parsed(body))
    if message.get("type") != "message":
        raise UpstreamFailed("The upstream's answer is no message.", phase="body", sent=True)
    losses = Losses()
    choice: Json = {
        "index": 0,
        "message": _message(message, losses),
        "logprobs": None,
        "finish_reason": finish_reason(message.get("stop_reason")),
    }
    if sequence := text(message.get("stop_sequence")):
        choice["stop_reason"] = sequence
    answer: Json = {
        "id": completion_id(message),
        "object": "chat.completion",
        "created": created_s,
        "model": text(message.get("model")),
        "choices": [choice],
        "usage": usage_to_chat(mapping(message.get("usage"))),
    }
    return Translation(dumps(answer), losses.listed())


def finish_reason(stop_reason: object) -> str:
    """Return the finish_reason for a stop_reason."""
    return FINISH_REASONS.get(text(stop_reason), "stop")


def completion_id(message: Json) -> str:
    """Return a completion's id that still shows the message's."""
    return f"chatcmpl-{text(message.get('id'))}"


def call(block: Json, arguments: str) -> Json:
    """Return the tool call for a tool_use block."""
    function = {"name": text(block.get("name")), "arguments": arguments}
    return {"id": text(block.get("id")), "type": "function", "function": function}


def encrypted_detail(block: Json, index: int) -> Json:
    """Return the reasoning detail for redacted thinking."""
    data = text(block.get("data"))
    return {"type": "reasoning.encrypted", "data": data, "index": index, "format": REASONING_FORMAT}


def text_detail(said: str, index: int, signature: str = "") -> Json:
    """Return the reasoning detail for a piece of thinking; a client sends it back as it came."""
    detail: Json = {"type": "reasoning.text", "text": said, "index": index, "format": REASONING_FORMAT}
    return detail | ({"signature": signature} if signature else {})


def _message(message: Json, losses: Losses) -> Json:
    said, thought = "", ""
    calls: list[Json] = []
    details: list[Json] = []
    for index, block in enumerate(objects(message.get("content"))):
        match block.get("type"):
            case "text":
                said += text(block.get("text"))
                if block.get("citations"):
                    losses.add("citations")
            case "thinking":
                thought += text(block.get("thinking"))
                details.append(text_detail(text(block.get("thinking")), index, text(block.get("signature"))))
            case "redacted_thinking":
                details.append(encrypted_detail(block, index))
            case "tool_use":
                calls.append(call(block, dumps(mapping(block.get("input"))).decode()))
            case kind:
                losses.add(f"content.{kind}")
    answer: Json = {"role": "assistant", "content": said or None, "refusal": None}
    if message.get("stop_reason") == "refusal":
        answer["refusal"] = text(mapping(message.get("stop_details")).get("explanation")) or None
    if thought:
        answer["reasoning_content"] = thought
    if details:
        answer["reasoning_details"] = details
    if calls:
        answer["tool_calls"] = calls
    return answer
