"""Reads one message or delta of a Chat Completions server, with the spellings that servers differ in."""

from dataclasses import dataclass

from app.providers.openai_wire.tables import STOP_REASONS
from app.providers.openai_wire.translation import Json, Losses, joined, mapping, number, objects, text


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call, or the next piece of one. `index` None: the server gave none."""

    index: int | None
    id: str
    name: str
    arguments: object


@dataclass(frozen=True, slots=True)
class Said:
    """What one message or delta holds."""

    thought: str
    signature: str
    text: str
    refusal: str
    calls: tuple[Call, ...]


def read_said(message: Json, losses: Losses) -> Said:
    """Return what a `message` or a `delta` holds, whichever dialect it is written in."""
    details = objects(message.get("reasoning_details"))
    thought = text(message.get("reasoning_content")) or text(message.get("reasoning"))
    if not thought:
        thought = joined([text(part.get("text")) or text(part.get("summary")) for part in details], "")
    if any(part.get("type") == "reasoning.encrypted" for part in details):
        losses.add("reasoning.encrypted")
    signature = joined([text(part.get("signature")) for part in details], "")
    if isinstance(message.get("content"), list):
        inner, said = _parts(objects(message["content"]), losses)
        thought += inner
    else:
        said = text(message.get("content"))
    if message.get("audio"):
        losses.add("audio")
    if message.get("annotations"):
        losses.add("annotations")
    return Said(thought, signature, said, text(message.get("refusal")), tuple(_calls(message)))


def stop_reason(finish: str, *, has_calls: bool, has_refusal: bool, losses: Losses) -> str:
    """Return the stop_reason for a finish_reason; some servers say `stop` where they called tools."""
    if finish and finish not in STOP_REASONS:
        losses.add(f"finish_reason: {finish}")
    reason = STOP_REASONS.get(finish, "end_turn")
    if reason == "end_turn" and has_calls:
        return "tool_use"
    if reason == "tool_use" and not has_calls:
        return "end_turn"
    return "refusal" if has_refusal and reason == "end_turn" else reason


def matched_stop(choice: Json) -> str | None:
    """Return the stop sequence that ended the answer, where the server tells it (vLLM and SGLang do)."""
    return text(choice.get("stop_reason")) or text(choice.get("matched_stop")) or None


def stop_fields(reason: str, refusal: str, stop_sequence: str | None) -> Json:
    """Return the three fields by which a message tells why it ended."""
    if reason == "end_turn" and stop_sequence:
        reason = "stop_sequence"
    fields: Json = {"stop_reason": reason, "stop_sequence": stop_sequence if reason == "stop_sequence" else None}
    if reason == "refusal":
        fields["stop_details"] = {"type": "refusal", "category": None, "explanation": refusal or None}
    return fields


def _calls(message: Json) -> list[Call]:
    calls = []
    for call in objects(message.get("tool_calls")):
        function = mapping(call.get("function")) or mapping(call.get("custom"))
        arguments = function.get("arguments", function.get("input"))
        calls.append(Call(number(call.get("index")), text(call.get("id")), text(function.get("name")), arguments))
    if legacy := mapping(message.get("function_call")):
        calls.append(Call(0, "", text(legacy.get("name")), legacy.get("arguments")))
    return calls


def _parts(parts: list[Json], losses: Losses) -> tuple[str, str]:
    """Return (thought, text) of a content that is an array of parts."""
    thought, said = "", ""
    for part in parts:
        match part.get("type"):
            case "text" | "output_text":
                said += text(part.get("text"))
            case "thinking":
                inner = part.get("thinking")
                thought += text(inner) or joined([text(piece.get("text")) for piece in objects(inner)], "")
            case kind:
                losses.add(f"content.{kind}")
    return thought, said
