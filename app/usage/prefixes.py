"""Where the prompt of a request stopped being the prompt of the one before it: the block that broke the cache."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.usage.conversation.blocks import mapping, objects
from app.usage.conversation.repair import repaired


@dataclass(frozen=True, slots=True)
class PromptBlock:
    """One block of a prompt, in the order in which a cache sees them: tools, system, messages.

    `digest` is of its content without the marks that say where to cache.
    """

    place: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Difference:
    """The first block that is not as before. `number` counts from 1; `is_gone`: the prompt ends there now."""

    number: int
    place: str
    is_gone: bool


def blocks_of(body: str) -> tuple[PromptBlock, ...]:
    """Return the blocks of a request's body of either API; of a body that is cut, those that are complete."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = repaired(body)
    return tuple(_blocks(mapping(document)))


def difference(before: tuple[PromptBlock, ...], after: tuple[PromptBlock, ...]) -> Difference | None:
    """Return the first block in which a prompt differs from the one before; None when it only grew."""
    for at, old in enumerate(before):
        if at >= len(after):
            return Difference(at + 1, old.place, is_gone=True)
        if old.digest != after[at].digest:
            return Difference(at + 1, after[at].place, is_gone=False)
    return None


def _blocks(document: dict[str, Any]) -> Iterator[PromptBlock]:
    for at, tool in enumerate(objects(document.get("tools")), 1):
        named = tool.get("name") or mapping(tool.get("function")).get("name") or tool.get("type")
        yield _block(f"tool {at} ({named})", tool)
    for name in ("system", "instructions"):
        yield from _parts(document.get(name), name)
    for name in ("messages", "input"):
        for at, message in enumerate(objects(document.get(name)), 1):
            role = str(message.get("role") or message.get("type") or "item")
            where = f"message {at} ({role})"
            if "content" in message:
                yield from _parts(message["content"], where)
            if rest := {key: value for key, value in message.items() if key not in ("content", "cache_control")}:
                yield _block(where, rest)


def _parts(content: object, where: str) -> Iterator[PromptBlock]:
    """Yield the blocks of a content; a text alone is the same as a list of one text."""
    if isinstance(content, str):
        yield _block(where, {"type": "text", "text": content})
    else:
        for at, one in enumerate(objects(content), 1):
            yield _block(f"{where}, block {at}", one)


def _block(place: str, content: dict[str, Any]) -> PromptBlock:
    plain = {key: value for key, value in content.items() if key != "cache_control"}
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return PromptBlock(place, hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=12).digest())
