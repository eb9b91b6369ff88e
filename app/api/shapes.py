"""Values as the API shows them, and the schema of what it shows: both follow from the types of dataclasses.

Names become camelCase, a field `*_micro_usd` also stands there as decimal text in USD. `SHAPES` holds what differs.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from app.figures import decimal_usd

Json = dict[str, Any]

_MICRO = "_micro_usd"


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a class is shown otherwise than its fields say. `more`: name -> (type, how it is made of the value)."""

    names: Mapping[str, str] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    more: Mapping[str, tuple[Any, Callable[[Any], object]]] = field(default_factory=dict)


SHAPES: dict[type, Shape] = {}
"""Class -> its shape, filled where the API's words for a noun are chosen."""


def camel(name: str) -> str:
    """Return a name as JSON has it: `cache_write_5m` is `cacheWrite5m`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def shown(value: object) -> Any:
    """Return a value as JSON."""
    if is_dataclass(value) and not isinstance(value, type):
        found: Json = {}
        for name, key in _names(type(value)):
            part = getattr(value, name)
            found[key] = shown(part)
            if name.endswith(_MICRO):
                found[_usd_name(key)] = None if part is None else decimal_usd(part)
        for key, (_, make) in _shape(type(value)).more.items():
            found[key] = shown(make(value))
        return found
    if isinstance(value, Mapping):
        return {str(key): shown(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [shown(part) for part in value]
    return value


class Schemas:
    """Collects the schemas of dataclasses under their names, for a document."""

    def __init__(self) -> None:
        self.named: dict[str, Json] = {}
        self._classes: dict[str, type] = {}
        self._is_input = False

    def inputs(self) -> "Schemas":
        """Return the collector of what comes in, for the same document: fields with a default may be left out."""
        other = Schemas()
        other.named, other._classes, other._is_input = self.named, self._classes, True
        return other

    def of(self, kind: Any) -> Json:
        """Return the schema of what `shown` makes of a value of this type."""
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self.of(arguments[0]) | getattr(arguments[1], "schema", {})
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin in (Union, types.UnionType):
            return self._union(arguments)
        if origin in (list, tuple):
            return {"type": "array", "items": self.of(arguments[0])}
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(arguments[1])}
        return self._reference(kind)

    def _union(self, arguments: tuple[Any, ...]) -> Json:
        is_optional = type(None) in arguments
        parts = [self.of(one) for one in arguments if one is not type(None)]
        if len(parts) > 1 or "$ref" in parts[0]:
            return {"anyOf": [*parts, *([{"type": "null"}] if is_optional else [])]}
        (part,) = parts
        if "enum" in part:
            return {"enum": [*part["enum"], None]}
        kinds = part["type"] if isinstance(part["type"], list) else [part["type"]]
        return part | {"type": [*kinds, "null"]}

    def _reference(self, kind: type) -> Json:
        name = kind.__name__
        if self._classes.setdefault(name, kind) is not kind:
            name = f"{kind.__module__.rpartition('.')[2].capitalize()}{name}"
            self._classes[name] = kind
        if name not in self.named:
            self.named[name] = {}
            self.named[name] = self._object(kind)
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, kind: type) -> Json:
        hints = get_type_hints(kind, include_extras=True)
        properties: dict[str, Json] = {}
        for name, key in _names(kind):
            properties[key] = self.of(hints[name])
            if name.endswith(_MICRO) and not self._is_input:
                is_known = properties[key]["type"] == "integer"
                properties[_usd_name(key)] = _DECIMAL | {"type": "string" if is_known else ["string", "null"]}
        for key, (one, _) in _shape(kind).more.items():
            properties[key] = self.of(one)
        summary = (kind.__doc__ or "").split("\n\n")[0]
        for name, key in _names(kind):
            summary = summary.replace(f"`{name}`", f"`{key}`")
        return {
            "type": "object",
            "description": " ".join(summary.split()),
            "properties": properties,
            "required": [camel(name) for name in _needed(kind)] if self._is_input else list(properties),
            "additionalProperties": False,
        }


_PLAIN: dict[Any, Json] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    object: {},
    Any: {},
}
_DECIMAL: Json = {"pattern": r"^-?\d+\.\d{6}$"}
_NO_SHAPE = Shape()


def _shape(kind: type) -> Shape:
    return SHAPES.get(kind, _NO_SHAPE)


@cache
def _names(kind: type) -> tuple[tuple[str, str], ...]:
    """Return the fields of a class that are shown, with the names under which they are."""
    shape = _shape(kind)
    return tuple(
        (one.name, shape.names.get(one.name, camel(one.name)))
        for one in fields(kind)
        if one.name not in shape.without and one.name not in shape.more
    )


def _needed(kind: type) -> list[str]:
    return [one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING]


def _usd_name(key: str) -> str:
    name = key.removesuffix("MicroUsd").removesuffix("microUsd")
    return f"{name}Usd" if name else "usd"
