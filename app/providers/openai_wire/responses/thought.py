"""Thinking blocks inside `encrypted_content`, so that a client without state can send them back unchanged."""

import base64
import binascii

from app.providers.openai_wire.translation import Json, dumps, mapping, parsed, text

_MARK = "ccf1."
"""Tells our content from another server's, which no Claude can read. It is an envelope, not a cipher."""


def sealed(block: Json) -> str:
    """Return a thinking or redacted_thinking block as `encrypted_content`."""
    return _MARK + base64.urlsafe_b64encode(dumps(block)).decode()


def opened(content: object) -> Json | None:
    """Return the block inside an `encrypted_content` of ours, or None for any other."""
    given = text(content)
    if not given.startswith(_MARK):
        return None
    try:
        block = mapping(parsed(base64.urlsafe_b64decode(given[len(_MARK) :])))
    except (binascii.Error, ValueError):
        return None
    match block.get("type"):
        case "thinking" if text(block.get("signature")):
            return {"type": "thinking", "thinking": text(block.get("thinking")), "signature": block["signature"]}
        case "redacted_thinking" if text(block.get("data")):
            return {"type": "redacted_thinking", "data": block["data"]}
    return None
