"""Bodies of conversations as they lie in the store."""

import json
from typing import Any

from app.usage.bodies import Bodies, Body
from app.values import Headers


def bodies(request: Any, answer: Any, *, whole: bool = True) -> Bodies:
    """Return both sides; text and bytes as they are, anything else as JSON."""
    return Bodies(body(request, whole), body(answer, True))


def body(content: Any, whole: bool = True) -> Body:
    """Return one side."""
    media_type = "application/json"
    if isinstance(content, str):
        data = content.encode()
        media_type = "text/event-stream" if content.startswith(("event:", "data:")) else media_type
    elif isinstance(content, bytes):
        data = content
    else:
        data = json.dumps(content, ensure_ascii=False).encode()
    headers: Headers = (("content-type", media_type),)
    return Body(headers, data, media_type, whole, 0 if whole else 1)


def stream(*events: dict[str, Any], names: bool = True) -> str:
    """Return events as they come over the wire."""
    lines = []
    for event in events:
        name = f"event: {event['type']}\n" if names and "type" in event else ""
        lines.append(f"{name}data: {json.dumps(event, ensure_ascii=False)}\n\n")
    return "".join(lines)
