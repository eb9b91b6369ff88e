"""A Chat Completions request as a Messages request."""

from dataclasses import dataclass

from app.errors import InvalidInput
from app.providers.openai_wire.chat.turns import messages_turns
from app.providers.openai_wire.claude import claude_model, sampling_fields
from app.providers.openai_wire.front import Choice, choice_fields, format_fields, reasoning_fields, stop_field, tool
from app.providers.openai_wire.ids import metadata_of
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
        "model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "stream",
        "stream_options", "n", "tools", "functions", "tool_choice", "function_call", "parallel_tool_calls",
        "reasoning_effort", "response_format", "user", "safety_identifier",
        # These change nothing that the client could miss.
        "store", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options",
    }
)  # fmt: skip
_NEUTRAL: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("presence_penalty", (0,)),
    ("frequency_penalty", (0,)),
    ("logprobs", (False,)),
    ("logit_bias", ({},)),
    ("service_tier", ("auto", "default")),
    ("modalities", (["text"],)),
    ("metadata", ({},)),
    ("verbosity", ("medium",)),
)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A translated request: `body` for `POST /v1/messages`, and what the answer's translation has to know."""

    body: bytes
    losses: tuple[str, ...]
    is_stream: bool
    includes_usage: bool


def chat_to_messages(body: bytes, model: str) -> ChatRequest:
    """Translate a Chat Completions request for the Claude model `model`.

    Raises InvalidInput for what would have to be answered differently: several choices, audio, files by id.
    """
    asked = read_object(body)
    if number(asked.get("n")) not in (None, 1):
        raise InvalidInput.field("n", "only one choice can be answered")
    if "audio" in items(asked.get("modalities")):
        raise InvalidInput.field("modalities", "this model answers with text only")
    losses = Losses()
    _unread(asked, losses)
    kind = claude_model(model)
    limit = number(asked.get("max_completion_tokens")) or number(asked.get("max_tokens")) or kind.default_max_tokens
    made: Json = {"model": model, "max_tokens": limit}
    made |= messages_turns(items(asked.get("messages")), losses).fields()
    made |= _tools(asked, losses)
    fields = reasoning_fields(text(asked.get("reasoning_effort")), made, kind, losses)
    wanted = mapping(asked.get("response_format"))
    schema = mapping(mapping(wanted.get("json_schema")).get("schema"))
    config = mapping(fields.pop("output_config", None)) | format_fields(wanted, schema, kind, losses)
    made |= fields | ({"output_config": config} if config else {})
    is_thinking = text(mapping(fields.get("thinking")).get("type")) in ("enabled", "adaptive")
    made |= sampling_fields(asked, kind, is_thinking=is_thinking, losses=losses)
    made |= stop_field(asked.get("stop"), losses) | metadata_of(asked, losses)
    is_stream = asked.get("stream") is True
    if is_stream:
        made["stream"] = True
    includes_usage = mapping(asked.get("stream_options")).get("include_usage") is True
    return ChatRequest(dumps(made), losses.listed(), is_stream, includes_usage)


def _unread(asked: Json, losses: Losses) -> None:
    neutral = {name for name, values in _NEUTRAL if asked.get(name) in values}
    losses.rest("", asked, _READ | neutral)


def _tools(asked: Json, losses: Losses) -> Json:
    functions = [_function(each, losses) for each in objects(asked.get("tools"))]
    functions += objects(asked.get("functions"))
    choice = _choice(asked.get("tool_choice", asked.get("function_call")))
    tools = [made for each in functions if each and (made := tool(each, losses))]
    if choice.allowed is not None:
        tools = [each for each in tools if each["name"] in choice.allowed]
    if not tools:
        return {}
    names = [each["name"] for each in tools]
    return {"tools": tools} | choice_fields(choice, names, asked.get("parallel_tool_calls"), losses)


def _function(each: Json, losses: Losses) -> Json:
    if each.get("type") != "function":
        losses.add(f"tools: type {text(each.get('type'))}")
        return {}
    mark = {"cache_control": each["cache_control"]} if each.get("cache_control") else {}
    return mapping(each.get("function")) | mark


def _choice(choice: object) -> Choice:
    if isinstance(choice, str):
        return Choice(choice)
    given = mapping(choice)
    if given.get("type") == "allowed_tools":
        allowed = mapping(given.get("allowed_tools"))
        names = [text(mapping(each.get("function")).get("name")) for each in objects(allowed.get("tools"))]
        return Choice(text(allowed.get("mode")) or "auto", allowed=frozenset(names))
    name = text(mapping(given.get("function")).get("name")) or text(given.get("name"))
    return Choice("tool", name) if given else Choice()
