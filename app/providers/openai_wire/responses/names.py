"""The tools of a Responses request under the flat names of the Messages API, and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from app.providers.openai_wire.front import Choice, tool
from app.providers.openai_wire.ids import is_tool_name
from app.providers.openai_wire.translation import Json, Losses, fingerprint, mapping, objects, text

_CUSTOM_INPUT: Json = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
_FUNCTION_READ = frozenset({"type", "name", "description", "parameters", "strict", "async", "cache_control"})
_NAME_CHARS = 128


@dataclass(frozen=True, slots=True)
class ToolName:
    """A tool as the client knows it. `custom` takes free text in place of JSON arguments."""

    name: str
    kind: Literal["function", "custom"] = "function"
    namespace: str | None = None


def sent_name(name: str, namespace: object = None) -> str:
    """Return the flat name of a tool, in the letters and length that the API takes."""
    flat = f"{namespace}__{name}" if isinstance(namespace, str) and namespace else name
    if is_tool_name(flat) or not flat:
        return flat
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "_-") else "_" for char in flat)
    return f"{plain[: _NAME_CHARS - 9]}_{fingerprint(flat, length=8)}"


def tools_of(given: list[Json], losses: Losses) -> tuple[list[Json], dict[str, ToolName]]:
    """Return the tools in Anthropic's terms, and the client's name for each."""
    tools: dict[str, Json] = {}
    names: dict[str, ToolName] = {}
    for namespace, each in _flat(given):
        name = text(each.get("name"))
        flat = sent_name(name, namespace)
        match each.get("type"):
            case "function":
                losses.rest("tools", each, _FUNCTION_READ)
                made = tool(each | {"name": flat}, losses)
                kind: Literal["function", "custom"] = "function"
            case "custom":
                made = tool(_custom(each) | {"name": flat}, losses)
                kind = "custom"
            case other:
                losses.add(f"tools: type {other}")
                continue
        if made is not None:
            tools[flat] = made
            names[flat] = ToolName(name, kind, namespace)
    return list(tools.values()), names


def choice_of(choice: object) -> Choice:
    """Return which tool the client wants used."""
    if isinstance(choice, str):
        return Choice(choice)
    given = mapping(choice)
    if given.get("type") == "allowed_tools":
        names = [sent_name(text(each.get("name")), each.get("namespace")) for each in objects(given.get("tools"))]
        return Choice(text(given.get("mode")) or "auto", allowed=frozenset(names))
    return Choice("tool", sent_name(text(given.get("name")), given.get("namespace"))) if given else Choice()


def known_as(flat: str, names: Mapping[str, ToolName]) -> ToolName:
    """Return the client's name for a tool that the model called."""
    return names.get(flat) or ToolName(flat)


def _flat(given: list[Json]) -> list[tuple[str | None, Json]]:
    flat: list[tuple[str | None, Json]] = []
    for each in given:
        if each.get("type") == "namespace":
            flat += [(text(each.get("name")), inner) for inner in objects(each.get("tools"))]
        else:
            flat.append((None, each))
    return flat


def _custom(each: Json) -> Json:
    """Return the function that stands for a tool with free text; its grammar becomes part of the description."""
    description = text(each.get("description"))
    grammar = mapping(each.get("format"))
    if definition := text(grammar.get("definition")):
        description += f"\n\nThe input follows this {text(grammar.get('syntax')) or 'formal'} grammar:\n{definition}"
    return {"description": description.strip(), "parameters": _CUSTOM_INPUT}
