"""The nouns of a conversation, and what every shape of API needs to read one."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from app.providers.sse import SSEParser
from app.usage.bodies import Body
from app.usage.conversation.repair import repaired

Kind = Literal["text", "thinking", "tool_call", "tool_result", "image", "document", "other"]
Json = dict[str, Any]

MAX_TEXT = 200_000
"""The most characters of one block; `cut_chars` counts what is left out."""
MAX_MESSAGES = 5000


@dataclass(frozen=True, slots=True)
class Block:
    """One part of a message.

    `name`: of a tool, or the kind of an `other` block. `call_id` joins a tool's call and its result; `link` is where
    the other one stands (message, block). `text`: what was said or thought, a call's input as JSON, a result's text.
    `source`: for images and documents `data` (with `size_bytes`) or a URL or a file's id; the data itself is left out.
    `cached`: the client marked the prompt to be cached up to here.
    """

    kind: Kind
    text: str = ""
    name: str | None = None
    call_id: str | None = None
    link: tuple[int, int] | None = None
    is_error: bool = False
    media_type: str | None = None
    source: str | None = None
    size_bytes: int | None = None
    cached: bool = False
    cut_chars: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `is_answer`: it is what this request brought."""

    role: str
    blocks: tuple[Block, ...]
    is_answer: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model was offered. `schema`: JSON of its input."""

    name: str
    description: str
    schema: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said. `is_whole` False: a part of a body is missing. `faults`: what could not be read."""

    system: tuple[Block, ...]
    tools: tuple[Tool, ...]
    messages: tuple[Message, ...]
    model: str | None = None
    stop_reason: str | None = None
    error: str | None = None
    is_whole: bool = True
    faults: tuple[str, ...] = ()


def json_of(body: Body, side: str, faults: list[str]) -> Json:
    """Return a body as a JSON object, the complete part of one that is cut; empty when it is none."""
    if not body.content.strip():
        return {}
    try:
        document = json.loads(body.content)
    except (ValueError, RecursionError):
        document = repaired(body.text)
        faults.append(f"the {side} is cut short" if document is not None else f"the {side} is no JSON")
    return document if isinstance(document, dict) else {}


def events_of(body: Body) -> Iterator[Json]:
    """Yield the JSON objects that a stream's events carry."""
    for event in SSEParser().feed(body.content + b"\n\n"):
        try:
            document = json.loads(event.data)
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict):
            yield document


def is_stream(body: Body) -> bool:
    """Whether a body is a stream of events, by its type or by its beginning."""
    return body.media_type == "text/event-stream" or body.content.lstrip()[:6] in (b"event:", b"data: ")


def text_block(kind: Kind, said: object, **more: Any) -> Block:
    """Return a block of text within the bound."""
    text = said if isinstance(said, str) else "" if said is None else dumps(said)
    return Block(kind, text[:MAX_TEXT], cut_chars=max(0, len(text) - MAX_TEXT), **more)


def dumps(value: object) -> str:
    """Return a value as JSON for reading."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def input_text(arguments: object) -> str:
    """Return a call's input as JSON for reading; text that is no JSON, such as the part of a cut stream, as it is."""
    if not isinstance(arguments, str):
        return dumps(arguments)
    try:
        return dumps(json.loads(arguments)) if arguments.strip() else "{}"
    except (ValueError, RecursionError):
        return arguments


def media_block(kind: Kind, media_type: object, data: object, url: object, **more: Any) -> Block:
    """Return a reference to an image or document; inline data is only measured."""
    if isinstance(url, str) and url.startswith("data:"):
        head, _, data = url.partition(",")
        media_type, url = head[5:].partition(";")[0], None
    named = media_type if isinstance(media_type, str) else None
    if isinstance(data, str):
        size = len(data.rstrip("=")) * 3 // 4
        return Block(kind, media_type=named, source="data", size_bytes=size, **more)
    return Block(kind, media_type=named, source=url[:2000] if isinstance(url, str) else None, **more)


def objects(value: object) -> Iterator[Json]:
    """Yield the objects of a list; of anything else nothing."""
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, dict))


def mapping(value: object) -> Json:
    """Return an object; for anything else an empty one."""
    return value if isinstance(value, dict) else {}


def word(value: object) -> str | None:
    """Return a text; None for anything else."""
    return value if isinstance(value, str) else None


def messages_of(items: Iterable[Json], read: Callable[[Json], Message | None], faults: list[str]) -> list[Message]:
    """Return the messages that can be read, within the bound."""
    found: list[Message] = []
    for item in items:
        if len(found) >= MAX_MESSAGES:
            faults.append(f"only the first {MAX_MESSAGES} messages are shown")
            break
        message = read(item)
        if message is not None:
            found.append(message)
    return found


def linked(conversation: Conversation) -> Conversation:
    """Return the conversation with every tool call and its result knowing each other."""
    places: dict[tuple[str, str], tuple[int, int]] = {}
    names: dict[str, str | None] = {}
    for at, message in enumerate(conversation.messages):
        for position, block in enumerate(message.blocks):
            if block.call_id is not None:
                places.setdefault((block.kind, block.call_id), (at, position))
                if block.kind == "tool_call":
                    names[block.call_id] = block.name
    other = {"tool_call": "tool_result", "tool_result": "tool_call"}

    def join(block: Block) -> Block:
        if block.call_id is None or block.kind not in other:
            return block
        link = places.get((other[block.kind], block.call_id))
        return replace(block, link=link, name=block.name or names.get(block.call_id))

    messages = (
        replace(message, blocks=tuple(join(block) for block in message.blocks)) for message in conversation.messages
    )
    return replace(conversation, messages=tuple(messages))
