"""A complete Chat Completions answer as a Messages answer."""

from collections.abc import Mapping

from app.errors import UpstreamFailed
from app.providers.openai_wire.account.delta import Said, matched_stop, read_said, stop_fields, stop_reason
from app.providers.openai_wire.translation import (
    Json,
    Losses,
    Translation,
    dumps,
    fingerprint,
    mapping,
    objects,
    parsed,
    text,
    tool_input,
)
from app.providers.openai_wire.usage import usage_to_anthropic

NO_SIGNATURE = "thinking.signature: the upstream signs no thinking, so Anthropic would not take it back"


def chat_to_message(body: bytes, renamed: Mapping[str, str] | None = None) -> Translation:
    """Translate a served answer (status 2xx). `renamed` is what the request's translation gave.

    Raises UpstreamFailed when the body holds no answer; ask `is_error` before.
    """
    answer = mapping(parsed(body))
    choices = objects(answer.get("choices"))
    if not choices:
        raise UpstreamFailed("The upstream's answer holds no choice.", phase="body", sent=True)
    losses = Losses()
    if len(choices) > 1:
        losses.add("choices: only the first")
    said = read_said(mapping(choices[0].get("message")), losses)
    seed = text(answer.get("id")) or fingerprint(body)
    finish = text(choices[0].get("finish_reason"))
    reason = stop_reason(finish, has_calls=bool(said.calls), has_refusal=bool(said.refusal), losses=losses)
    message: Json = {
        "id": message_id(seed),
        "type": "message",
        "role": "assistant",
        "model": text(answer.get("model")),
        "content": _content(said, seed, renamed or {}, losses),
    }
    message |= stop_fields(reason, said.refusal, matched_stop(choices[0]))
    message["usage"] = _usage(answer, losses)
    return Translation(dumps(message), losses.listed())


def is_error(body: bytes) -> bool:
    """Whether a served body is an error in spite of its status; some servers answer so."""
    answer = mapping(parsed(body))
    return bool(answer.get("error")) and not objects(answer.get("choices"))


def message_id(seed: str) -> str:
    """Return a message id that still shows the upstream's."""
    return seed if seed.startswith("msg_") else f"msg_{seed}"


def call_id(seed: str, index: int, given: str) -> str:
    """Return a tool call's id, made from the answer's where the server gave none."""
    return given or f"toolu_{fingerprint(seed, str(index))}"


def _content(said: Said, seed: str, renamed: Mapping[str, str], losses: Losses) -> list[Json]:
    blocks: list[Json] = []
    if said.thought or said.signature:
        blocks.append({"type": "thinking", "thinking": said.thought, "signature": said.signature})
        if not said.signature:
            losses.add(NO_SIGNATURE)
    if said.text:
        blocks.append({"type": "text", "text": said.text})
    if said.refusal:
        blocks.append({"type": "text", "text": said.refusal})
    for index, call in enumerate(said.calls):
        blocks.append(
            {
                "type": "tool_use",
                "id": call_id(seed, index, call.id),
                "name": renamed.get(call.name, call.name),
                "input": tool_input(call.arguments, losses),
            }
        )
    return blocks


def _usage(answer: Json, losses: Losses) -> Json:
    usage = usage_to_anthropic(mapping(answer.get("usage")))
    if "input_tokens" not in usage or "output_tokens" not in usage:
        losses.add("usage: not reported by the upstream, shown as 0")
    return {"input_tokens": 0, "output_tokens": 0} | usage
