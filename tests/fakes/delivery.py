"""How an answer goes out: encoding, splitting, framing, waiting, and every way to end badly."""

import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from itertools import pairwise
from typing import Any, Literal

import brotli

from tests.fakes.ledger import Entry, Gates
from tests.fakes.wire import Wire

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Step = dict[str, Any]
Outcome = Literal["sent", "cut", "reset", "peer_closed", "stale"]


@dataclass(slots=True)
class Answer:
    """One answer before it is framed. `parts` are the events of a stream, or the pieces of a body."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    stream: bool = False


def deliver(wire: Wire, entry: Entry, answer: Answer, step: Step, gates: Gates) -> bool:
    """Send the answer the way the step says; return whether the connection may be used again."""
    delivery = _Delivery(wire, entry, answer, step, gates)
    try:
        return delivery.run()
    except _Ended:
        return False


class _Ended(Exception):
    """The script ended the exchange early and the connection is closed."""


class _Delivery:
    def __init__(self, wire: Wire, entry: Entry, answer: Answer, step: Step, gates: Gates) -> None:
        self.wire = wire
        self.entry = entry
        self.answer = answer
        self.step = step
        self.gates = gates
        self.end: Step = step.get("end") or {}
        self.bodyless = entry.request.method == "HEAD" or answer.status in (204, 304)
        self.framing = step.get("framing") or ("chunked" if answer.stream else "length")
        if entry.request.version == "HTTP/1.0" and self.framing == "chunked":
            self.framing = "close"

    def run(self) -> bool:
        """Play head, parts and end; return whether the connection lives on."""
        step, wire = self.step, self.wire
        self._reach("request")
        if delay_s := step.get("delay_s"):
            wire.pause(delay_s)
        for status in step.get("informational", ()):
            wire.send(_status_line(status) + b"Link: </style.css>; rel=preload\r\n\r\n")
        plan = [] if self.bodyless else self._plan()
        keep = self._keeps_alive()
        head = self._head(sum(len(piece) for pieces in plan for piece in pieces), keep)
        self.entry.answer_head = head
        self.entry.status = self.answer.status
        self.entry.answered_at = time.time() * 1000
        waits = "gates" in step or self.end or answer_waits(step)
        if len(plan) <= 1 and not waits:
            self._send_at_once(head, plan)
        else:
            wire.send(head)
            self._reach("0")
            if wait_s := step.get("first_event_delay_s"):
                wire.pause(wait_s)
            self._send_parts(plan)
        self.entry.outcome = "sent"
        if step.get("then") == "close":
            return False
        wire.doomed = step.get("then") == "close_on_next"
        return keep

    def _send_at_once(self, head: bytes, plan: list[list[bytes]]) -> None:
        pieces = plan[0] if plan else []
        self.entry.sent.extend(pieces)
        if self.framing == "chunked" and not self.bodyless:
            framed = b"".join(_chunk(piece) for piece in pieces) + b"0\r\n\r\n"
        else:
            framed = b"".join(pieces)
        self.wire.send(head + framed)

    def _send_parts(self, plan: list[list[bytes]]) -> None:
        event_delay_s = self.step.get("event_delay_s", 0)
        chunked = self.framing == "chunked"
        send, sent = self.wire.send, self.entry.sent
        for number, pieces in enumerate(plan, 1):
            if event_delay_s and number > 1:
                self.wire.pause(event_delay_s)
            for piece in pieces:
                sent.append(piece)
                send(_chunk(piece) if chunked else piece)
            self._reach(str(number))
        if chunked and not self.bodyless:
            send(b"0\r\n\r\n")

    def _reach(self, point: str) -> None:
        """Stop at the gate of this point, and end here if the script says so."""
        if name := self.step.get("gates", {}).get(point):
            self.wire.pause(until=self.gates.reach(name, self.entry))
        if self.end and str(self.end["after"]) == point:
            self._finish()

    def _finish(self) -> None:
        how = self.end["how"]
        if how == "silent":
            self.wire.pause(self.end.get("for_s"))
            return
        if how == "end":
            if self.framing == "chunked":
                self.wire.send(b"0\r\n\r\n")
            self.entry.outcome = "sent"
        else:
            self.entry.outcome = "reset" if how == "rst" else "cut"
        self.wire.close(reset=how == "rst")
        raise _Ended

    def _plan(self) -> list[list[bytes]]:
        """Return, for each part, the pieces that go over the wire one by one."""
        parts = self.answer.parts
        chunk = self.step.get("chunk", "event")
        if isinstance(self.end.get("after"), int):
            parts = self._room_for_an_early_end(parts)
        if chunk == "whole":
            parts = [b"".join(parts)]
        elif chunk in ("split-utf8", "split-line"):
            return list(_encoded(map(SPLITTERS[chunk], parts), self._encoding()))
        plan = list(_encoded(([part] for part in parts), self._encoding()))
        if chunk.startswith("bytes:"):
            size = int(chunk[6:])
            plan = [_sliced(b"".join(pieces), size) for pieces in plan]
        return plan

    def _room_for_an_early_end(self, parts: list[bytes]) -> list[bytes]:
        """Cut a body that comes in one piece into four, and move the end before the last part."""
        if len(parts) == 1:
            parts = _sliced(parts[0], max(1, len(parts[0]) // 4 + 1))
        if self.end["how"] != "silent":
            self.end = {**self.end, "after": min(self.end["after"], len(parts) - 1)}
        return parts

    def _encoding(self) -> str | None:
        encoding = self.step.get("encoding")
        if encoding != "accept":
            return str(encoding) if encoding else None
        accepted = self.entry.request.folded.get("accept-encoding", "")
        return next((name for name in ("zstd", "br", "gzip", "deflate") if name in accepted), None)

    def _keeps_alive(self) -> bool:
        request = self.entry.request
        asked = request.folded.get("connection", "").lower()
        old = request.version == "HTTP/1.0" and "keep-alive" not in asked
        return not (old or "close" in asked or self.framing == "close" or self.step.get("early"))

    def _head(self, length: int, keep: bool) -> bytes:
        lines = [("Date", _http_date(int(time.time())))]
        if not self.bodyless:
            if encoding := self._encoding():
                lines.append(("Content-Encoding", encoding))
            if self.framing == "chunked":
                lines.append(("Transfer-Encoding", "chunked"))
            elif self.framing == "length":
                lines.append(("Content-Length", str(length)))
        lines.append(("Connection", "keep-alive" if keep else "close"))
        dropped = {name.lower() for name in self.step.get("drop_headers", ())}
        lines += [pair for pair in self.answer.headers if not dropped or pair[0].lower() not in dropped]
        lines += [(name, value) for name, value in self.step.get("headers", ())]
        text = "".join([f"{name}: {value}\r\n" for name, value in lines])
        return _status_line(self.answer.status) + text.encode("latin-1") + b"\r\n"


def answer_waits(step: Step) -> bool:
    """Whether anything lies between the head and the end of the body."""
    return bool(step.get("first_event_delay_s") or step.get("event_delay_s"))


def _split_utf8(part: bytes) -> list[bytes]:
    """Cut inside every character of more than one byte; a part without one is cut in the middle."""
    cuts = [at for at in range(1, len(part)) if part[at] & 0xC0 == 0x80 and part[at - 1] & 0xC0 == 0xC0]
    return _cut(part, cuts or [len(part) // 2])


def _split_line(part: bytes) -> list[bytes]:
    """Cut inside field names, before the line ends, and between the two line ends that close an event."""
    cuts = {2, part.find(b"data:") + 2, part.find(b"\n"), len(part) - 1}
    return _cut(part, sorted(cut for cut in cuts if 0 < cut < len(part)))


SPLITTERS: dict[str, Callable[[bytes], list[bytes]]] = {"split-utf8": _split_utf8, "split-line": _split_line}


def _cut(part: bytes, cuts: Iterable[int]) -> list[bytes]:
    edges = [0, *cuts, len(part)]
    return [part[start:stop] for start, stop in pairwise(edges) if stop > start]


def _sliced(part: bytes, size: int) -> list[bytes]:
    return [part[start : start + size] for start in range(0, len(part), size)]


def _encoded(parts: Iterable[list[bytes]], encoding: str | None) -> Iterator[list[bytes]]:
    """Compress piece by piece with a flush after each, as servers do on event streams."""
    if encoding is None:
        yield from parts
        return
    compress, finish = ENCODERS[encoding]()
    last: list[bytes] | None = None
    for pieces in parts:
        if last is not None:
            yield last
        last = [compress(piece) for piece in pieces]
    yield [*(last or []), finish()]


def _zlib_encoder(wbits: int) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    packer = zlib.compressobj(wbits=wbits)
    return lambda data: packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH), packer.flush


def _brotli_encoder() -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    packer = brotli.Compressor(quality=4)
    return lambda data: packer.process(data) + packer.flush(), packer.finish


def _zstd_encoder() -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    packer = zstd.ZstdCompressor()
    return lambda data: packer.compress(data, packer.FLUSH_BLOCK), packer.flush


ENCODERS: dict[str, Callable[[], tuple[Callable[[bytes], bytes], Callable[[], bytes]]]] = {
    "gzip": lambda: _zlib_encoder(31),
    "deflate": lambda: _zlib_encoder(15),
    "br": _brotli_encoder,
    "zstd": _zstd_encoder,
}


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""


@lru_cache(maxsize=64)
def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Overloaded" if status == 529 else "Unknown"
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


@lru_cache(maxsize=4)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)
