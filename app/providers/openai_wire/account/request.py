"""A Messages request as a Chat Completions request."""

import re
from typing import Any

from app.providers.openai_wire.account.tools import renamed_tools, tool_fields
from app.providers.openai_wire.account.turns import chat_turns, system_text
from app.providers.openai_wire.dialect import GENERIC, Dialect
from app.providers.openai_wire.tables import EFFORT_OF_BUDGET
from app.providers.openai_wire.translation import (
    Json,
    Losses,
    Translation,
    dumps,
    fingerprint,
    items,
    mapping,
    number,
    read_object,
    text,
)

_READ = frozenset(
    {
        "model", "messages", "system", "max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "stream",
        "tools", "tool_choice", "thinking", "output_config", "output_format", "metadata",
    }
)  # fmt: skip
_EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{6,64}")


def messages_to_chat(body: bytes, model: str, dialect: Dialect = GENERIC) -> Translation:
    """Translate a Messages request for `model`, the name that the account's server knows.

    Raises InvalidInput when the body is not a JSON object.
    """
    asked = read_object(body)
    losses = Losses()
    losses.rest("", asked, _READ)
    renamed = renamed_tools(asked, dialect.max_tool_name)
    sent_names = {known: sent for sent, known in renamed.items()}
    chat: Json = {"model": model, "messages": _messages(asked, dialect, sent_names, losses)}
    if (limit := number(asked.get("max_tokens"))) is not None:
        chat[dialect.max_tokens] = _limit(limit, dialect, losses)
    chat |= _sampling(asked, dialect, losses)
    chat |= tool_fields(asked, sent_names, losses)
    chat |= _reasoning(asked, dialect, losses)
    chat |= _format(asked, losses)
    chat |= _user(asked, losses)
    if asked.get("stream") is True:
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    return Translation(dumps(chat), losses.listed(), renamed)


def _messages(asked: Json, dialect: Dialect, sent_names: dict[str, str], losses: Losses) -> list[Json]:
    messages: list[Json] = []
    if system := system_text(asked.get("system"), dialect, losses):
        messages.append({"role": "system", "content": system})
    turns = items(asked.get("messages"))
    messages += chat_turns(turns, dialect, sent_names, losses)
    if turns and mapping(turns[-1]).get("role") == "assistant":
        losses.add("prefill: the last assistant turn is context, not the beginning of the answer")
    return messages


def _limit(limit: int, dialect: Dialect, losses: Losses) -> int:
    if dialect.max_output is None or limit <= dialect.max_output:
        return limit
    losses.add(f"max_tokens: {dialect.max_output} is the most this model gives")
    return dialect.max_output


def _sampling(asked: Json, dialect: Dialect, losses: Losses) -> Json:
    fields: Json = {}
    stops = [stop for stop in items(asked.get("stop_sequences")) if isinstance(stop, str)]
    wanted: dict[str, Any] = {"temperature": asked.get("temperature"), "top_p": asked.get("top_p")}
    wanted["stop"] = stops or None
    for name, value in wanted.items():
        if value is None:
            continue
        if dialect.sampling:
            fields[name] = value
        elif not (name in ("temperature", "top_p") and value == 1):
            losses.add(f"{'stop_sequences' if name == 'stop' else name}: this model takes none")
    if dialect.max_stops is not None and len(fields.get("stop", ())) > dialect.max_stops:
        fields["stop"] = stops[: dialect.max_stops]
        losses.add(f"stop_sequences: only the first {dialect.max_stops}")
    if asked.get("top_k") is not None:
        if dialect.top_k:
            fields["top_k"] = asked["top_k"]
        else:
            losses.add("top_k")
    return fields


def _reasoning(asked: Json, dialect: Dialect, losses: Losses) -> Json:
    thinking = mapping(asked.get("thinking"))
    kind = text(thinking.get("type"))
    effort = text(mapping(asked.get("output_config")).get("effort"))
    budget = number(thinking.get("budget_tokens"))
    if kind == "disabled":
        return _no_reasoning(dialect, losses)
    if dialect.reasoning == "object" and kind == "enabled" and budget is not None and not effort:
        return {"reasoning": {"max_tokens": budget}}
    if not effort and kind == "enabled" and budget is not None:
        effort = next((name for bound, name in EFFORT_OF_BUDGET if budget < bound), "high")
        losses.add("thinking.budget_tokens: sent as an effort")
    if not effort:
        return {"reasoning": {"enabled": True}} if kind and dialect.reasoning == "object" else {}
    if dialect.reasoning == "none":
        losses.add("output_config.effort" if not kind else "thinking: this model takes no effort")
        return {}
    effort = _nearest(effort, dialect.efforts, losses)
    return {"reasoning": {"effort": effort}} if dialect.reasoning == "object" else {"reasoning_effort": effort}


def _no_reasoning(dialect: Dialect, losses: Losses) -> Json:
    if dialect.reasoning == "object":
        return {"reasoning": {"enabled": False}}
    if dialect.reasoning == "effort":
        losses.add("thinking.type: disabled is left to the model's default")
    return {}


def _nearest(effort: str, known: tuple[str, ...], losses: Losses) -> str:
    """Return the effort itself, or the strongest known one below it, or the weakest one."""
    if effort in known:
        return effort
    rank = _EFFORTS.index(effort) if effort in _EFFORTS else _EFFORTS.index("high")
    below = [name for name in known if _EFFORTS.index(name) <= rank]
    found = below[-1] if below else known[0]
    losses.add(f"output_config.effort: {effort} sent as {found}")
    return found


def _format(asked: Json, losses: Losses) -> Json:
    config = mapping(asked.get("output_config"))
    losses.rest("output_config", config, frozenset({"effort", "format"}))
    wanted = mapping(config.get("format")) or mapping(asked.get("output_format"))
    if not wanted:
        return {}
    if wanted.get("type") != "json_schema" or not isinstance(wanted.get("schema"), dict):
        losses.add("output_config.format")
        return {}
    schema = {"name": "output", "schema": wanted["schema"], "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _user(asked: Json, losses: Losses) -> Json:
    metadata = mapping(asked.get("metadata"))
    losses.rest("metadata", metadata, frozenset({"user_id"}))
    user = text(metadata.get("user_id"))
    if not user:
        return {}
    if _PLAIN_ID.fullmatch(user):
        return {"user": user}
    # Servers refuse a longer id, or other characters; and an agent's holds account and device ids.
    losses.add("metadata.user_id: sent as its SHA-256")
    return {"user": fingerprint(user, length=64)}
