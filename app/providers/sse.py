"""Server-sent events as bytes: split a stream that arrives in any pieces into events, and write events.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""Largest event that is kept in memory; a larger one is dropped as a whole and the stream goes on behind it."""

_BOM = b"\xef\xbb\xbf"
_LF_LF = re.compile(rb"\n\n")
_PING_DATA = re.compile(rb'\s*\{\s*"type"\s*:\s*"ping"\s*\}\s*')
_BLANK_LINE = re.compile(rb"(?>\r\n|\r|\n)(?>\r\n|\r|\n)")


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `event` is None where the stream gave no name; the lines of `data` are joined by LF."""

    event: str | None
    data: bytes


class Framer:
    """Cut a stream at blank lines: what `feed` returns holds whole events only, with LF as the one line end.

    This is the cheap layer for readers that look at few events: it copies nothing while chunks end where events end.
    """

    __slots__ = ("_at_start", "_head", "_is_odd", "_max_bytes", "_skip_lf", "_skipping", "dropped", "pending")

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_bytes = max_event_bytes
        self.pending = bytearray()
        """The event that has begun and not ended; empty where a chunk may begin a new one."""
        self._head = b""
        self._at_start = True
        self._skip_lf = False
        self._is_odd = True
        """The next chunk needs a look at its first bytes: a BOM may come, or the LF of a CR LF."""
        self._skipping = False
        self.dropped = 0
        """Number of events that were too large to keep."""

    @property
    def rest(self) -> bytes:
        """What has come of an event that has not ended."""
        return b"" if self._skipping else bytes(self.pending)

    def feed(self, chunk: bytes) -> bytes:
        """Return the events that `chunk` completes, as text that ends in a blank line; empty when there is none."""
        if self._is_odd or chunk.find(b"\r") >= 0:  # `in` is twice as slow for bytes.
            chunk = self._unify(chunk)
        rest = self.pending
        if not rest:
            if chunk.endswith(b"\n\n"):
                return chunk
            end = chunk.rfind(b"\n\n") + 2
            if end == 1:
                rest += chunk
                return self._bounded()
            rest += chunk[end:]
            self._bounded()
            return chunk[:end]
        if self._skipping:
            return self._skip(chunk)
        seen = len(rest) - 1
        rest += chunk
        end = rest.rfind(b"\n\n", seen) + 2
        if end == 1:
            return self._bounded()
        whole = bytes(rest[:end])
        del rest[:end]
        self._bounded()
        return whole

    def _unify(self, chunk: bytes) -> bytes:
        """Return `chunk` without a leading BOM and with LF for CR and CR LF, also where a chunk cuts one in two."""
        if self._at_start:
            chunk = self._head + chunk
            if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
                self._head = chunk
                return b""
            self._at_start = False
            chunk = chunk.removeprefix(_BOM)
        if self._skip_lf and chunk:
            self._skip_lf = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._skip_lf = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._is_odd = self._skip_lf
        return chunk

    def _bounded(self) -> bytes:
        """Give up the unfinished event when it is too large; two bytes more are line ends around it."""
        if len(self.pending) > self._max_bytes + 2:
            self.dropped += 1
            self._skipping = True
            del self.pending[:-1]
        return b""

    def _skip(self, chunk: bytes) -> bytes:
        """Look for the end of an event that is being dropped, and read on behind it."""
        data = bytes(self.pending) + chunk
        end = data.find(b"\n\n") + 2
        if end == 1:
            self.pending[:] = data[-1:]
            return b""
        self._skipping = False
        self.pending.clear()
        return self.feed(data[end:]) if end < len(data) else b""


class SSEParser:
    """Incremental parser: chunks of any size in, complete events out.

    An event of more than `max_event_bytes` is dropped and counted in `dropped`; nothing else is lost, and memory
    stays within that bound plus one chunk. An event that the stream's end cuts off is not delivered.
    """

    __slots__ = ("_framer", "_max_bytes", "_too_large")

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._framer = Framer(max_event_bytes)
        self._max_bytes = max_event_bytes
        self._too_large = 0

    @property
    def dropped(self) -> int:
        """Number of events that were too large to keep."""
        return self._framer.dropped + self._too_large

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes, in order."""
        events = []
        for block in blocks(self._framer.feed(chunk)):
            if len(block) > self._max_bytes:
                self._too_large += 1
            elif event := parse_block(block):
                events.append(event)
        return events


def blocks(text: bytes) -> Iterator[bytes]:
    """Yield the blocks between blank lines of what `Framer.feed` returned."""
    for block in text.split(b"\n\n"):
        if block := block.strip(b"\n"):
            yield block


def parse_block(block: bytes) -> Event | None:
    """Return the event of one block of lines, or None where it has no data: comments, lone `id:` or `retry:` lines."""
    name = b""
    data = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    if not data:
        return None
    return Event(name.decode("utf-8", "replace") or None, b"\n".join(data))


def first_event(buffer: bytes) -> tuple[Event, int] | None:
    """Return the first complete event of `buffer` that decides something, and the offset behind it.

    The proxy holds an answer's headers until there is one: an `error` as first event is handled like its status.
    Comments are no events, and a `ping` says nothing about the answer: both are passed over.
    """
    start = len(_BOM) if buffer.startswith(_BOM) else 0
    has_cr = b"\r" in buffer
    while blank := _BLANK_LINE.search(buffer, start) if has_cr else _LF_LF.search(buffer, start):
        block = buffer[start : blank.start()]
        event = parse_block(block.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if has_cr else block)
        if event is not None and not _is_ping(event):
            return event, blank.end()
        start = blank.end()
    return None


def encode(event: str | None, data: bytes) -> bytes:
    """Return one event on the wire. Raises ValueError when the name holds a line end."""
    if event is not None and ("\n" in event or "\r" in event):
        raise ValueError(f"an event's name is one line: {event!r}")
    name = f"event: {event}\n".encode() if event else b""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return b"%bdata: %b\n\n" % (name, data.replace(b"\n", b"\ndata: "))


def _is_ping(event: Event) -> bool:
    if event.event is not None:
        return event.event == "ping"
    return _PING_DATA.fullmatch(event.data) is not None
