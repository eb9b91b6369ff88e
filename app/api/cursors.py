"""Cursors: where the next page begins, as text that callers hand back as it is."""

import base64
import json

from app.errors import InvalidInput

Part = int | str


def written(*parts: Part) -> str:
    """Return the cursor of a place."""
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).rstrip(b"=").decode()


def read(cursor: str | None, *kinds: type[Part]) -> tuple[Part, ...] | None:
    """Return the parts of a cursor, None without one. Raises InvalidInput when it is none of ours."""
    if cursor is None:
        return None
    try:
        parts = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        parts = None
    is_ours = isinstance(parts, list) and [type(part) for part in parts] == list(kinds)
    if not is_ours or not all(part.isprintable() if isinstance(part, str) else 0 <= part < 1 << 63 for part in parts):
        raise InvalidInput.field("cursor", "is none of ours; give the `next` of a page")
    return tuple(parts)
