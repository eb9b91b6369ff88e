"""Pick members out of a JSON object that is too large to keep: incremental, bounded, not fooled by text in strings."""

import json
import re
from collections.abc import Collection

MAX_VALUE_BYTES = 64 * 1024
"""Largest value that is kept; a longer one counts as absent."""

_STRING_REST = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_STRUCTURE = re.compile(rb'["{}\[\],:]')
_NESTED_BORING = re.compile(rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+', re.DOTALL)
_SPACE = b" \t\r\n"


class TopLevel:
    """Read a JSON object in pieces and keep the raw values of the wanted members of its outermost level.

    It looks at strings and brackets only: what it calls whole is balanced, and whether it is valid JSON shows when the
    kept values are parsed. Of a repeated member the last value stays.
    """

    def __init__(self, wanted: Collection[str]) -> None:
        self._wanted = {name.encode(): name for name in wanted}
        self.values: dict[str, bytes] = {}
        """Raw JSON text by member name."""
        self.is_whole = False
        """Whether the object's end was seen."""
        self.is_object = True
        """False when the text does not begin as an object."""
        self._depth = 0
        self._in_string = False
        self._escaped = False
        """The last piece ended behind a backslash."""
        self._is_key = False
        """The next string at the outermost level names a member."""
        self._key = b""
        self._kept: bytearray | None = None
        """What was read of a wanted value, or of a member's name."""

    def feed(self, piece: bytes) -> None:
        """Read on. What follows the object's end is ignored."""
        at = self._begin(piece) if self._depth == 0 else 0
        size = len(piece)
        while at < size and self._depth:
            start = at
            if self._in_string:
                at = self._string(piece, at)
            else:
                if self._depth > 1:
                    at = _end_of(_NESTED_BORING, piece, at)
                    self._keep(piece, start, at)
                    start = at
                at = self._structure(piece, start)

    def _begin(self, piece: bytes) -> int:
        text = piece.lstrip(_SPACE)
        if not text or self.is_whole or not self.is_object:
            return len(piece)
        if not text.startswith(b"{"):
            self.is_object = False
            return len(piece)
        self._depth = 1
        self._is_key = True
        return len(piece) - len(text) + 1

    def _string(self, piece: bytes, at: int) -> int:
        """Read on inside a string, and return where to go on."""
        start = at
        if self._escaped:
            self._escaped = False
            at += 1
        at = _end_of(_STRING_REST, piece, at)
        if at == len(piece):
            self._keep(piece, start, at)
            return at
        if piece[at] == 0x5C:  # A backslash as the very last byte.
            self._escaped = True
            self._keep(piece, start, at + 1)
            return at + 1
        self._in_string = False
        if self._depth == 1 and self._is_key:
            self._keep(piece, start, at)
            self._key, self._kept, self._is_key = _plain(bytes(self._kept or b"")), None, False
        else:
            self._keep(piece, start, at + 1)
        return at + 1

    def _structure(self, piece: bytes, at: int) -> int:
        """Read up to the next quote, bracket, comma or colon and behind it."""
        found = _STRUCTURE.search(piece, at)
        if found is None:
            self._keep(piece, at, len(piece))
            return len(piece)
        end = found.end()
        mark = piece[end - 1 : end]
        if mark == b'"':
            self._in_string = True
            if self._depth == 1 and self._is_key:
                self._kept = bytearray()
                return end
        elif mark in b"{[":
            self._depth += 1
        elif mark in b"}]":
            self._depth -= 1
        if self._depth == 0 or (self._depth == 1 and mark == b","):
            self._keep(piece, at, end - 1)
            self._store()
        elif self._depth == 1 and mark == b":":
            self._kept = bytearray() if self._key in self._wanted else None
        else:
            self._keep(piece, at, end)
        return end

    def _keep(self, piece: bytes, start: int, end: int) -> None:
        kept = self._kept
        if kept is not None and len(kept) <= MAX_VALUE_BYTES:
            kept += piece[start : min(end, start + MAX_VALUE_BYTES + 1)]

    def _store(self) -> None:
        """End a member at the outermost level, and at its last the object."""
        name = self._wanted.get(self._key)
        if self._kept is not None and name is not None:
            self.values.pop(name, None)
            if len(self._kept) <= MAX_VALUE_BYTES:
                self.values[name] = bytes(self._kept)
        self._key, self._kept, self._is_key = b"", None, True
        self.is_whole = self._depth == 0


def _plain(key: bytes) -> bytes:
    """Return a member's name without escapes."""
    if b"\\" not in key:
        return key
    try:
        name: str = json.loads(b'"%b"' % key)
        return name.encode()
    except ValueError:
        return key


def _end_of(pattern: re.Pattern[bytes], piece: bytes, at: int) -> int:
    found = pattern.match(piece, at)
    return at if found is None else found.end()
