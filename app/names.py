"""The names that people give to accounts, keys and users: what may be one, and which one was meant."""

from collections.abc import Iterable
from difflib import get_close_matches

from app.errors import InvalidInput, NotFound

MAX_CHARS = 100


def checked_name(text: str) -> str:
    """Return a name that may be given. Raises InvalidInput."""
    if not 1 <= len(text) <= MAX_CHARS:
        raise InvalidInput.field("name", f"give 1 to {MAX_CHARS} characters")
    if not text.isprintable():
        raise InvalidInput.field("name", "holds a control character or line break; give printable characters")
    if text != text.strip():
        raise InvalidInput.field("name", "begins or ends with a blank; leave it out")
    return text


def unknown(noun: str, name: str, known: Iterable[str]) -> NotFound:
    """Return the error for a name that nothing has, with the nearest name that something has."""
    shown = name if len(name) <= MAX_CHARS and name.isprintable() else repr(name[:MAX_CHARS])
    nearest = get_close_matches(name, list(known), n=1)
    hint = f" Did you mean {nearest[0]}?" if nearest else ""
    details: dict[str, object] = {"name": shown}
    if nearest:
        details["nearest"] = nearest[0]
    return NotFound(f"There is no {noun} named {shown}.{hint}", details=details)
