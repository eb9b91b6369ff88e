"""A local estimate of count_tokens, for accounts whose server cannot count.

Method: ASCII text counts a token for 3.5 characters (JSON: 3), other letters a token each, since outside of
English a token is about a letter or less than one; an image counts its pixels / 750 where its header tells
them, else 1600; a PDF counts 2000 tokens for each 50 kB. A message costs 4 more, a tool 12 more, tools together 340.
The figure tends to be high rather than low: it decides when a client shortens its context.
"""

import base64
import binascii
from math import ceil

from app.providers.openai_wire.translation import Json, dumps, mapping, objects, read_object, text

_TEXT_CHARS = 3.5
_JSON_CHARS = 3.0
_IMAGE_TOKENS = 1_600
_PIXELS_A_TOKEN = 750
_PDF_TOKENS = 2_000
_PDF_BYTES = 50_000
_MESSAGE_TOKENS = 4
_TOOL_TOKENS = 12
_TOOLS_TOKENS = 340


def estimate_tokens(body: bytes) -> int:
    """Return the estimated input tokens of a Messages or count_tokens request.

    Raises InvalidInput when the body is not a JSON object.
    """
    asked = read_object(body)
    total = _content(asked.get("system"))
    for message in objects(asked.get("messages")):
        total += _MESSAGE_TOKENS + _content(message.get("content"))
    tools = objects(asked.get("tools"))
    if tools:
        total += _TOOLS_TOKENS
    for tool in tools:
        total += _TOOL_TOKENS + _tokens(text(tool.get("name")) + text(tool.get("description")), _TEXT_CHARS)
        total += _json(mapping(tool.get("input_schema")))
    total += _json(mapping(mapping(asked.get("output_config")).get("format")))
    return max(1, ceil(total))


def _content(content: object) -> float:
    if isinstance(content, str):
        return _tokens(content, _TEXT_CHARS)
    return sum(_block(block) for block in objects(content))


def _block(block: Json) -> float:
    match block.get("type"):
        case "text":
            return _content(block.get("text"))
        case "thinking":
            return _content(block.get("thinking"))
        case "redacted_thinking":
            return _tokens(text(block.get("data")), _JSON_CHARS)
        case "image":
            return _image(mapping(block.get("source")))
        case "document":
            return _content(block.get("title")) + _document(mapping(block.get("source")))
        case "tool_use" | "server_tool_use":
            return _content(block.get("name")) + _json(mapping(block.get("input"))) + _MESSAGE_TOKENS
        case "tool_result":
            return _content(block.get("content")) + _MESSAGE_TOKENS
    return _json({key: value for key, value in block.items() if key != "cache_control"})


def _document(source: Json) -> float:
    match source.get("type"):
        case "text":
            return _content(source.get("data"))
        case "content":
            return _content(source.get("content"))
        case "base64":
            size = len(text(source.get("data"))) * 3 / 4
            return max(1, ceil(size / _PDF_BYTES)) * _PDF_TOKENS
    return _PDF_TOKENS


def _image(source: Json) -> float:
    size = _png_size(text(source.get("data")))
    if size is None:
        return _IMAGE_TOKENS
    return min(_IMAGE_TOKENS, max(1.0, size[0] * size[1] / _PIXELS_A_TOKEN))


def _png_size(data: str) -> tuple[int, int] | None:
    """Return (width, height) that a PNG's header tells, or None for any other image."""
    try:
        head = base64.b64decode(data[:32], validate=True)
    except (binascii.Error, ValueError):
        return None
    if not head.startswith(b"\x89PNG\r\n\x1a\n"):
        return None
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def _json(value: Json) -> float:
    return _tokens(dumps(value).decode(), _JSON_CHARS) if value else 0


def _tokens(said: str, chars_a_token: float) -> float:
    ascii_chars = len(said.encode("ascii", "ignore"))
    return ascii_chars / chars_a_token + (len(said) - ascii_chars)
