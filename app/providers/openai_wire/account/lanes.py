"""Puts the pieces of an answer, however interleaved they come, into blocks that follow one another.

Chat Completions may send pieces of several tool calls by turns; a Messages stream has one open block
at a time. The first lane is passed on as it comes; a lane behind it is held until the first is complete.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.providers.openai_wire.account.delta import Call
from app.providers.openai_wire.translation import Json, dumps, text

HELD_CHARS_MAX = 8 << 20
"""What may wait behind an open tool call; an answer of that size is no answer."""

Kind = Literal["thinking", "text", "tool_use"]
CallId = Callable[[int, str], str]
"""(number of the call, id that the server gave) -> the id to show."""


class TooMuchHeld(Exception):
    """More waits behind an open tool call than we keep."""


class NamelessCall(Exception):
    """A tool call ended without a name."""


class JsonEnd:
    """Tells when a JSON object that comes in pieces is complete; keeps three words, not the text."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self.is_complete = False

    def feed(self, piece: str) -> None:
        """Look at the next piece."""
        for char in piece:
            if self._escaped:
                self._escaped = False
            elif self._in_string:
                self._escaped = char == "\\"
                self._in_string = char != '"'
            elif char == '"':
                self._in_string = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                self.is_complete = self.is_complete or self._depth == 0


@dataclass(slots=True, eq=False)
class Lane:
    """One block to be: `index` is the server's number of a tool call, `number` counts the calls."""

    kind: Kind
    index: int | None = None
    number: int = 0
    id: str = ""
    name: str = ""
    pending: list[str] = field(default_factory=list)
    signature: str = ""
    end: JsonEnd = field(default_factory=JsonEnd)
    is_open: bool = False


class Lanes:
    """The blocks of one answer in order: `add_*` takes a piece and yields the events that it causes."""

    def __init__(self, call_id: CallId, renamed: Mapping[str, str]) -> None:
        self._lanes: list[Lane] = []
        self._by_index: dict[int, Lane] = {}
        self._calls = 0
        self._blocks = 0
        self._held_chars = 0
        self._call_id = call_id
        self._renamed = renamed
        self.has_late_pieces = False

    @property
    def has_calls(self) -> bool:
        """Whether any tool was called."""
        return self._calls > 0

    def add_text(self, kind: Kind, piece: str) -> Iterator[Json]:
        """Take a piece of text or thinking."""
        if not self._lanes or self._lanes[-1].kind != kind:
            self._lanes.append(Lane(kind))
        self._put(self._lanes[-1], piece)
        yield from self._drain()

    def add_signature(self, signature: str) -> Iterator[Json]:
        """Take the signature of the thinking that came last."""
        if self._lanes and self._lanes[-1].kind == "thinking":
            self._lanes[-1].signature += signature
        yield from self._drain()

    def add_call(self, call: Call) -> Iterator[Json]:
        """Take a piece of a tool call."""
        lane = self._lane_of(call)
        lane.id = lane.id or call.id
        lane.name = lane.name or call.name
        piece = _piece(call.arguments)
        if lane not in self._lanes:
            self.has_late_pieces = self.has_late_pieces or bool(piece.strip())
            return
        lane.end.feed(piece)
        self._put(lane, piece)
        yield from self._drain()

    def finish(self) -> Iterator[Json]:
        """Open what is held, and close everything. Raises NamelessCall."""
        yield from self._drain()
        while self._lanes:
            if not self._lanes[0].is_open:
                raise NamelessCall
            yield from self._close()
            yield from self._drain()

    def _lane_of(self, call: Call) -> Lane:
        known = self._by_index.get(call.index) if call.index is not None else self._last_call()
        # A new id is a new call, also under an old index: there are servers that number every call 0.
        if known is not None and not (call.id and known.id and call.id != known.id):
            return known
        lane = Lane("tool_use", index=call.index, number=self._calls)
        self._calls += 1
        self._lanes.append(lane)
        if call.index is not None:
            self._by_index[call.index] = lane
        return lane

    def _last_call(self) -> Lane | None:
        return next((lane for lane in reversed(self._lanes) if lane.kind == "tool_use"), None)

    def _put(self, lane: Lane, piece: str) -> None:
        if piece:
            lane.pending.append(piece)
            self._held_chars += len(piece)
            if self._held_chars > HELD_CHARS_MAX:
                raise TooMuchHeld

    def _drain(self) -> Iterator[Json]:
        while self._lanes:
            lane = self._lanes[0]
            if not lane.is_open:
                if lane.kind == "tool_use" and not lane.name:
                    return
                yield self._start(lane)
            if lane.pending:
                piece = "".join(lane.pending)
                lane.pending.clear()
                self._held_chars -= len(piece)
                yield {"type": "content_block_delta", "index": self._blocks, "delta": _delta(lane.kind, piece)}
            if len(self._lanes) == 1 or (lane.kind == "tool_use" and not lane.end.is_complete):
                return
            yield from self._close()

    def _start(self, lane: Lane) -> Json:
        lane.is_open = True
        block: Json = {"type": lane.kind}
        match lane.kind:
            case "thinking":
                block |= {"thinking": "", "signature": ""}
            case "text":
                block["text"] = ""
            case "tool_use":
                name = self._renamed.get(lane.name, lane.name)
                block |= {"id": self._call_id(lane.number, lane.id), "name": name, "input": {}}
        return {"type": "content_block_start", "index": self._blocks, "content_block": block}

    def _close(self) -> Iterator[Json]:
        lane = self._lanes.pop(0)
        if lane.signature:
            delta = {"type": "signature_delta", "signature": lane.signature}
            yield {"type": "content_block_delta", "index": self._blocks, "delta": delta}
        yield {"type": "content_block_stop", "index": self._blocks}
        self._blocks += 1


def _piece(arguments: object) -> str:
    """Return arguments as text; some servers send the whole object. An empty one may come ahead of the text."""
    if isinstance(arguments, dict) and arguments:
        return dumps(arguments).decode()
    return text(arguments)


def _delta(kind: Kind, piece: str) -> Json:
    match kind:
        case "thinking":
            return {"type": "thinking_delta", "thinking": piece}
        case "text":
            return {"type": "text_delta", "text": piece}
        case "tool_use":
            return {"type": "input_json_delta", "partial_json": piece}
