"""A bounded copy of one body for the payload store, compressed slice by slice while it passes."""

import zlib

_SLICE_BYTES = 65536


class Capture:
    """Collects at most `limit` bytes; what is above is counted and dropped."""

    __slots__ = ("_pending", "_pending_bytes", "_room", "_slices", "dropped")

    def __init__(self, limit: int) -> None:
        self._room = limit
        self._slices: list[bytes] = []
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self.dropped = 0

    def add(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        if len(chunk) > self._room:
            self.dropped += len(chunk) - self._room
            chunk = chunk[: self._room]
        self._room -= len(chunk)
        self._pending.append(chunk)
        self._pending_bytes += len(chunk)
        if self._pending_bytes >= _SLICE_BYTES:
            self._pack()

    def parts(self) -> tuple[list[bytes], bytes]:
        """Return what was collected: whole slices as zlib streams, and the rest as it is; `join` undoes it."""
        return self._slices, b"".join(self._pending)

    def _pack(self) -> None:
        self._slices.append(zlib.compress(b"".join(self._pending), 1))
        self._pending = []
        self._pending_bytes = 0


def join(slices: list[bytes], rest: bytes) -> bytes:
    """Return the body whose parts are given."""
    return b"".join((*(zlib.decompress(part) for part in slices), rest))
