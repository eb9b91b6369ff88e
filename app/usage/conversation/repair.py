"""Reads the complete part of JSON that is cut off somewhere. Pure."""

import json
import re
from typing import Any

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],]', re.DOTALL)
_CLOSING = {"{": "}", "[": "]"}


def repaired(text: str) -> Any:
    """Return the document that is left when the last incomplete member is taken away; None when nothing is."""
    ends: list[tuple[int, str]] = []
    open_: list[str] = []
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in _CLOSING:
            open_.append(_CLOSING[mark])
            if mark == "[" or not ends:  # An object without any complete member says nothing.
                ends.append((token.end(), "".join(reversed(open_))))
        elif mark in "}]" and open_:
            open_.pop()
            ends.append((token.end(), "".join(reversed(open_))))
        elif mark == ",":
            ends.append((token.start(), "".join(reversed(open_))))
        del ends[:-3]
    for end, closing in reversed(ends):
        try:
            return json.loads(text[:end] + closing)
        except (ValueError, RecursionError):
            continue
    return None
