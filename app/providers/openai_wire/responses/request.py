"""A Responses request as a Messages request."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import InvalidInput
from app.providers.openai_wire.claude import claude_model, sampling_fields
from app.providers.openai_wire.front import choice_fields, format_fields, reasoning_fields
from app.providers.openai_wire.ids import metadata_of
from app.providers.openai_wire.responses.names import ToolName, choice_of, tools_of
from app.providers.openai_wire.responses.turns import input_turns
from app.providers.openai_wire.translation import (
    Json,
    Losses,
    dumps,
    items,
    mapping,
    number,
    objects,
    read_object,
    text,
)

_READ = frozenset(
    {
        "model", "input", "instructions", "max_output_tokens", "temperature", "top_p", "stream", "tools",
        "tool_choice", "parallel_tool_calls", "reasoning", "text", "user", "safety_identifier", "include",
        "previous_response_id", "conversation", "background", "prompt", "metadata",
        # These change nothing that the client could miss; nothing is stored, whatever `store` says.
        "store", "stream_options", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options",
        "client_metadata",
    }
)  # fmt: skip
_REFUSED: tuple[tuple[str, str], ...] = (
    ("previous_response_id", "responses are not stored here: send the whole conversation as `input`"),
    ("conversation", "conversations are not stored here: send the whole conversation as `input`"),
    ("prompt", "prompt templates are not stored here: send the text as `instructions` or `input`"),
    ("background", "an answer is given at once or as a stream, never in the background"),
)
_ECHOED = (
    "instructions", "metadata", "temperature", "top_p", "max_output_tokens", "parallel_tool_calls", "tool_choice",
    "tools", "reasoning", "text", "truncation", "user", "safety_identifier", "prompt_cache_key", "service_tier",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ResponsesRequest:
    """A translated request: `body` for `POST /v1/messages`, and what the answer's translation has to know.

    `names`: tool name as sent -> the client's tool. `echo`: the fields that a Response repeats.
    """

    body: bytes
    losses: tuple[str, ...]
    is_stream: bool
    names: Mapping[str, ToolName]
    echo: Json


def responses_to_messages(body: bytes, model: str) -> ResponsesRequest:
    """Translate a Responses request for the Claude model `model`.

    Raises InvalidInput for what would need stored state, and for parts that no Claude takes.
    """
    asked = read_object(body)
    for name, why in _REFUSED:
        if asked.get(name):
            raise InvalidInput.field(name, why)
    losses = Losses()
    _unread(asked, losses)
    kind = claude_model(model)
    made: Json = {"model": model, "max_tokens": number(asked.get("max_output_tokens")) or kind.default_max_tokens}
    made |= input_turns(asked.get("input"), asked.get("instructions"), losses).fields()
    tools, names = _tools(asked, losses)
    made |= tools
    fields = _reasoning(asked, made, losses)
    wanted = mapping(mapping(asked.get("text")).get("format"))
    config = mapping(fields.pop("output_config", None))
    config |= format_fields(wanted, mapping(wanted.get("schema")), kind, losses)
    made |= fields | ({"output_config": config} if config else {})
    is_thinking = text(mapping(fields.get("thinking")).get("type")) in ("enabled", "adaptive")
    made |= sampling_fields(asked, kind, is_thinking=is_thinking, losses=losses)
    made |= metadata_of(asked, losses)
    is_stream = asked.get("stream") is True
    if is_stream:
        made["stream"] = True
    return ResponsesRequest(dumps(made), losses.listed(), is_stream, names, _echo(asked))


def _unread(asked: Json, losses: Losses) -> None:
    neutral = set(_READ)
    if asked.get("truncation") == "disabled":
        neutral.add("truncation")
    if asked.get("service_tier") in ("auto", "default"):
        neutral.add("service_tier")
    if asked.get("top_logprobs") == 0:
        neutral.add("top_logprobs")
    losses.rest("", asked, frozenset(neutral))
    for name in items(asked.get("include")):
        if name != "reasoning.encrypted_content":
            losses.add(f"include: {name}")
    if mapping(asked.get("text")).get("verbosity") not in (None, "medium"):
        losses.add("text.verbosity")
    losses.rest("reasoning", mapping(asked.get("reasoning")), frozenset({"effort", "summary"}))


def _tools(asked: Json, losses: Losses) -> tuple[Json, Mapping[str, ToolName]]:
    given = objects(asked.get("tools"))
    for item in objects(asked.get("input")):
        if item.get("type") == "additional_tools":
            given += objects(item.get("tools"))
    tools, names = tools_of(given, losses)
    choice = choice_of(asked.get("tool_choice"))
    if choice.allowed is not None:
        tools = [each for each in tools if each["name"] in choice.allowed]
    if not tools:
        return {}, names
    offered = [each["name"] for each in tools]
    return {"tools": tools} | choice_fields(choice, offered, asked.get("parallel_tool_calls"), losses), names


def _reasoning(asked: Json, made: Json, losses: Losses) -> Json:
    wanted = mapping(asked.get("reasoning"))
    fields = reasoning_fields(text(wanted.get("effort")), made, claude_model(made["model"]), losses)
    thinking = mapping(fields.get("thinking"))
    if wanted.get("summary") and thinking.get("type") == "adaptive":
        # Newer models leave the thinking's text out unless it is asked for.
        fields["thinking"] = thinking | {"display": "summarized"}
    return fields


def _echo(asked: Json) -> Json:
    echo: Json = {name: asked.get(name) for name in _ECHOED}
    echo["parallel_tool_calls"] = asked.get("parallel_tool_calls") is not False
    echo["tool_choice"] = asked.get("tool_choice") or "auto"
    echo["tools"] = objects(asked.get("tools"))
    echo["metadata"] = mapping(asked.get("metadata"))
    echo["text"] = asked.get("text") or {"format": {"type": "text"}}
    echo["truncation"] = asked.get("truncation") or "disabled"
    return echo | {"previous_response_id": None, "background": False, "store": False}
