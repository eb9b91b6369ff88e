"""What every translator shares: its result, the list of what was lost, and tolerant readers of JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from app.errors import InvalidInput

Json = dict[str, Any]
"""A JSON object from outside: every read of it goes through the tolerant readers below."""


@dataclass(frozen=True, slots=True)
class Translation:
    """A translated body, and what the other side could not carry.

    `losses`: one short line a kind of loss, in order of first appearance; the request record shows them.
    `renamed`: tool name as it was sent -> tool name as the client knows it, for the answer's way back.
    """

    body: bytes
    losses: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)


class Losses:
    """Collects what is dropped; a kind that occurs a thousand times is listed once."""

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}

    def add(self, what: str) -> None:
        """Note one loss: the field, and after a colon what became of it."""
        self._seen.setdefault(what)

    def rest(self, where: str, fields: Json, known: frozenset[str]) -> None:
        """Note every field of `mapping` that no translator reads and that holds a value."""
        prefix = f"{where}." if where else ""
        for key, value in fields.items():
            if key not in known and value is not None:
                self.add(f"{prefix}{key}")

    def listed(self) -> tuple[str, ...]:
        """Return the losses in order of first appearance."""
        return tuple(self._seen)


def dumps(value: object) -> bytes:
    """Return compact UTF-8 JSON; a lone surrogate stays escaped, since UTF-8 has no form for it."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def read_object(body: bytes) -> Json:
    """Return the JSON object in `body`. Raises InvalidInput when it holds none."""
    value = parsed(body)
    if not isinstance(value, dict):
        raise InvalidInput("The request body is not a JSON object.")
    return value


def parsed(text: str | bytes) -> Any:
    """Return the JSON value in `text`, or None when it does not parse."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def mapping(value: object) -> Json:
    """Return `value` when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """Return `value` when it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def objects(value: object) -> list[Json]:
    """Return the JSON objects in the array `value`."""
    return [item for item in items(value) if isinstance(item, dict)]


def text(value: object) -> str:
    """Return `value` when it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def number(value: object) -> int | None:
    """Return `value` as a whole number that is not negative, or None when it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 0 <= value < 1 << 53 else None


def fingerprint(*parts: str | bytes, length: int = 24) -> str:
    """Return hexadecimal digits that depend on the parts alone, for ids the upstream did not give."""
    digest = sha256()
    for part in parts:
        digest.update(part.encode(errors="surrogatepass") if isinstance(part, str) else part)
        digest.update(b"\0")
    return digest.hexdigest()[:length]


def tool_input(arguments: object, losses: Losses | None) -> Json:
    """Return a tool call's arguments as the object that a tool_use block needs.

    Arguments that are no object are kept whole under `raw_arguments`, so that the tool refuses
    them and the model sees its mistake: an empty object could run the tool with other inputs.
    """
    if isinstance(arguments, dict):
        return arguments
    if not isinstance(arguments, str) or not arguments.strip():
        return {}
    value = parsed(arguments)
    if isinstance(value, str):
        value = parsed(value)
    if isinstance(value, dict):
        return value
    if losses is not None:
        losses.add("tool arguments: not a JSON object, kept as raw_arguments")
    return {"raw_arguments": arguments}


def data_url(url: str) -> tuple[str, str] | None:
    """Return (media type, base64 data) of a `data:` URL, or None when it is another kind of URL."""
    head, comma, data = url.partition(",")
    if not comma or not head.lower().startswith("data:") or not head.lower().endswith(";base64"):
        return None
    return head[5:-7].split(";", 1)[0].lower() or "text/plain", data


def joined(parts: Sequence[str], separator: str) -> str:
    """Return the parts that hold anything, joined."""
    return separator.join(part for part in parts if part)
