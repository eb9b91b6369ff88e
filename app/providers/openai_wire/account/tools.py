"""Tool definitions and tool choice of a Messages request in the terms of Chat Completions."""

from collections.abc import Mapping
from typing import Any

from app.providers.openai_wire.translation import Json, Losses, fingerprint, mapping, objects, text

_READ = frozenset({"name", "type", "description", "input_schema", "strict", "cache_control", "eager_input_streaming"})
_STRING: Json = {"type": "string"}
_NUMBERS: Json = {"type": "array", "items": {"type": "integer"}}


def _schema(required: str, **properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": required.split()}


_EDIT_COMMANDS: Json = {"type": "string", "enum": ["view", "create", "str_replace", "insert"]}
_MEMORY_COMMANDS: Json = {
    "type": "string",
    "enum": ["view", "create", "str_replace", "insert", "delete", "rename"],
}
_EDITED: dict[str, Json] = {
    **dict.fromkeys(("path", "file_text", "old_str", "new_str"), _STRING),
    "insert_line": {"type": "integer"},
    "insert_text": _STRING,
}
_CLIENT_TOOLS: Mapping[str, tuple[str, Json]] = {
    "bash": (
        "Run a command in a bash session that lives on between calls.",
        _schema("", command=_STRING, restart={"type": "boolean"}),
    ),
    "text_editor": (
        "View, create and edit text files.",
        _schema(
            "command path",
            command=_EDIT_COMMANDS,
            **_EDITED,
            view_range=_NUMBERS,
        ),
    ),
    "memory": (
        "Keep notes in files below /memories that last between conversations.",
        _schema(
            "command",
            command=_MEMORY_COMMANDS,
            **_EDITED,
            old_path=_STRING,
            new_path=_STRING,
            view_range=_NUMBERS,
        ),
    ),
}
"""Tools that the client runs and whose schema only Claude knows by heart: prefix of `type` -> what to tell others.

Source: platform.claude.com/docs, the pages of the bash, text editor and memory tools.
"""


def renamed_tools(asked: Json, max_chars: int) -> dict[str, str]:
    """Return the shorter name -> the client's name for each tool whose name is too long for the server."""
    names = [text(tool.get("name")) for tool in objects(asked.get("tools"))]
    return {_short(name, max_chars): name for name in names if len(name) > max_chars}


def tool_fields(asked: Json, sent_names: Mapping[str, str], losses: Losses) -> Json:
    """Return `tools`, `tool_choice` and `parallel_tool_calls`; nothing when no tool can be carried."""
    tools = [found for tool in objects(asked.get("tools")) if (found := _tool(tool, sent_names, losses))]
    choice = mapping(asked.get("tool_choice"))
    if not tools:
        if choice and choice.get("type") != "none":
            losses.add("tool_choice: there is no tool to choose")
        return {}
    fields: Json = {"tools": tools}
    if (chosen := _choice(choice, tools, sent_names, losses)) is not None:
        fields["tool_choice"] = chosen
    if choice.get("disable_parallel_tool_use") is True:
        fields["parallel_tool_calls"] = False
    return fields


def _tool(tool: Json, sent_names: Mapping[str, str], losses: Losses) -> Json | None:
    kind, name = text(tool.get("type")), text(tool.get("name"))
    if kind in ("", "custom"):
        description, schema = text(tool.get("description")), mapping(tool.get("input_schema"))
    else:
        known = next((found for prefix, found in _CLIENT_TOOLS.items() if kind.startswith(f"{prefix}_")), None)
        if known is None or not name:
            losses.add(f"tools: {kind} runs at Anthropic only")
            return None
        description, schema = known
    losses.rest("tools", tool, _READ if kind in ("", "custom") else _READ | {"max_characters"})
    if tool.get("cache_control"):
        losses.add("cache_control")
    if schema.get("type", "object") == "object":
        # A server that checks schemas wants both, also for a tool without parameters.
        schema = {"type": "object", "properties": {}} | schema
    function: Json = {"name": sent_names.get(name, name)}
    if description:
        function["description"] = description
    function["parameters"] = schema
    if isinstance(tool.get("strict"), bool):
        function["strict"] = tool["strict"]
    return {"type": "function", "function": function}


def _choice(choice: Json, tools: list[Json], sent_names: Mapping[str, str], losses: Losses) -> Any:
    match choice.get("type"):
        case "auto":
            return "auto"
        case "any":
            return "required"
        case "none":
            return "none"
        case "tool":
            name = text(choice.get("name"))
            name = sent_names.get(name, name)
            if any(tool["function"]["name"] == name for tool in tools):
                return {"type": "function", "function": {"name": name}}
            losses.add("tool_choice: the tool could not be carried")
    return None


def _short(name: str, max_chars: int) -> str:
    return f"{name[: max_chars - 9]}_{fingerprint(name, length=8)}"
