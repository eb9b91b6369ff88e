"""The meter of one answer: bytes as they went over the wire in, tokens and times out, in bounded memory.

On the way of a stream it tests substrings and parses only the few events that carry usage, a start, an end or an
error. JSON escapes quotes and line ends inside strings, so the tests miss nothing real; text that merely contains the
words costs a parse and changes nothing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from app.providers.sse import Framer, parse_block
from app.usage.decoding import Decoder, NotDecodable, decoder
from app.usage.findings import (
    Document,
    Findings,
    anthropic_document,
    anthropic_event,
    openai_document,
    openai_event,
    parsed,
)
from app.usage.toplevel import TopLevel
from app.values import Shape, Tokens

MAX_DOCUMENT_BYTES = 64 * 1024
"""A JSON answer up to this size is kept and parsed; of a larger one only the members that matter are kept."""

_MEMBERS = ("id", "type", "model", "stop_reason", "usage", "error", "object", "status", "incomplete_details")


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer said about itself. A value that it did not say is None.

    `complete`: its end was seen (`message_stop`, `[DONE]` or a finish reason, the last bracket); only streams and JSON
    answers can be. `is_partial`: tokens are known, but not from a final usage. `error`: type and message. `is_readable`
    False: the encoding could not be undone. Token times are arrival times of the first and the last content.
    """

    tokens: Tokens = field(default_factory=Tokens)
    model: str | None = None
    message_id: str | None = None
    stop_reason: str | None = None
    first_token_at: int | None = None
    last_token_at: int | None = None
    complete: bool = False
    is_partial: bool = False
    error: tuple[str, str] | None = None
    is_readable: bool = True


class Meter:
    """Reads one answer while it passes. No input makes it raise."""

    __slots__ = ("_body", "_decoder", "_findings", "_is_readable", "_is_sniffing", "_shape", "feed")

    feed: Callable[[bytes, int], None]
    """`feed(chunk, at_ms)`: read the next bytes of the body, which came at `at_ms`. Bound to what reads them."""

    def __init__(self, content_type: str, content_encoding: str = "", shape: Shape = "anthropic") -> None:
        kind = content_type.partition(";")[0].strip().lower()
        self._shape = shape
        self._findings = Findings()
        self._body: _Stream | _Document | None = None
        self._is_sniffing = not kind
        if kind == "text/event-stream":
            self._body = _Stream(self._findings, shape)
        elif kind == "application/json" or kind.endswith("+json"):
            self._body = _Document(self._findings, shape)
        self._decoder: Decoder | None = None
        self._is_readable = True
        self.feed = self._read if self._body is None else self._body.feed
        if content_encoding:
            self._undo(content_encoding)

    @property
    def is_complete(self) -> bool:
        """Whether the last event of a stream was seen; of a document only `reading` can tell."""
        return self._findings.complete

    def reading(self) -> Reading:
        """Return what is known by now; at the end of the body, all that there is."""
        if self._body is not None:
            self._body.conclude()
        found = self._findings
        tokens = found.tokens()
        # Some OpenAI-shaped servers never send [DONE]: a finish reason ends the content all the same.
        complete = found.complete or (self._shape == "openai" and found.stop_reason is not None)
        return Reading(
            tokens=tokens,
            model=found.model,
            message_id=found.message_id,
            stop_reason=found.stop_reason,
            first_token_at=found.first_token_at,
            last_token_at=found.last_token_at,
            complete=complete,
            is_partial=tokens.is_known and not found.has_final_usage and not complete,
            error=found.error,
            is_readable=self._is_readable,
        )

    def _undo(self, content_encoding: str) -> None:
        try:
            self._decoder = decoder(content_encoding)
        except NotDecodable:
            self._is_readable = False
        if self._decoder is not None or not self._is_readable:
            self.feed = self._read_encoded

    def _read_encoded(self, chunk: bytes, at_ms: int) -> None:
        if self._decoder is None:
            return
        try:
            for piece in self._decoder.feed(chunk):
                self._read(piece, at_ms)
        except NotDecodable:
            self._decoder = None
            self._is_readable = False

    def _read(self, piece: bytes, at_ms: int) -> None:
        if self._body is not None:
            self._body.feed(piece, at_ms)
        elif self._is_sniffing and (head := piece.lstrip(b" \t\r\n\xef\xbb\xbf")):
            is_document = head.startswith(b"{")
            self._body = _Document(self._findings, self._shape) if is_document else _Stream(self._findings, self._shape)
            self._body.feed(head, at_ms)


class _Stream:
    """Server-sent events: whole events are tested as one text, and read one by one only when it is of interest."""

    __slots__ = ("_at_ms", "_findings", "_framer", "_match_content", "_read_event", "_search_content", "_tells")

    def __init__(self, findings: Findings, shape: Shape) -> None:
        self._findings = findings
        self._framer = Framer()
        self._match_content, self._search_content, self._tells, self._read_event = _WIRES[shape]
        self._at_ms = 0

    def feed(self, chunk: bytes, at_ms: int) -> None:
        """Read on. Once there was a token, the usual chunk costs one match: it is nothing but content."""
        findings = self._findings
        if findings.first_token_at is not None and not self._framer.pending and chunk.find(b"\r") < 0:
            content = self._match_content(chunk)
            if content is not None and content.end() == len(chunk):
                findings.last_token_at = at_ms
                return
        self._at_ms = at_ms
        text = self._framer.feed(chunk)
        if not text:
            return
        if self._tells(text) or findings.first_token_at is None:
            self._read_events(text, at_ms)
        elif self._search_content(text):
            findings.last_token_at = at_ms

    def conclude(self) -> None:
        """Read an event that lacks only its blank line. A cut one does not parse; reading one twice is harmless."""
        event = parse_block(self._framer.rest)
        if event is not None:
            self._read_event(self._findings, event.event, event.data, self._at_ms)

    def _read_events(self, text: bytes, at_ms: int) -> None:
        findings = self._findings
        start = 0
        while start < len(text):
            if findings.first_token_at is not None and (content := self._match_content(text, start)):
                findings.last_token_at = at_ms
                start = content.end()
                continue
            end = text.find(b"\n\n", start)
            block = text[start:end] if end >= 0 else text[start:]
            start += len(block) + 2
            if self._tells(block) or findings.first_token_at is None:
                event = parse_block(block)
                if event is not None:
                    self._read_event(findings, event.event, event.data, at_ms)
            elif self._search_content(block):
                findings.last_token_at = at_ms


def _tells_anthropic(text: bytes) -> bool:
    """Whether Messages events tell more than content: `message_start`, `_delta`, `_stop`, usage, an error."""
    return text.rfind(b"message_") >= 0 or text.rfind(b"error") >= 0 or text.rfind(b'"usage"') >= 0


def _tells_openai(text: bytes) -> bool:
    """Whether OpenAI-shaped events tell more than content; most servers write `"usage":null` into each of them."""
    return (
        text.count(b'"usage"') != text.count(b'"usage":null')
        or text.count(b'"finish_reason"') != text.count(b'"finish_reason":null')
        or text.rfind(b"error") >= 0
        or text.rfind(b"response.c") >= 0
        or text.rfind(b"[DONE]") >= 0
    )


class _Document:
    """One JSON object: kept while it is small, else reduced to the members that matter."""

    __slots__ = ("_body", "_findings", "_scan", "_shape")

    def __init__(self, findings: Findings, shape: Shape) -> None:
        self._findings = findings
        self._shape = shape
        self._body = bytearray()
        self._scan: TopLevel | None = None

    def feed(self, piece: bytes, _at_ms: int) -> None:
        """Read on; a document has no token times."""
        if self._scan is not None:
            self._scan.feed(piece)
            return
        self._body += piece
        if len(self._body) > MAX_DOCUMENT_BYTES:
            self._scan = TopLevel(_MEMBERS)
            self._scan.feed(bytes(self._body))
            self._body.clear()

    def conclude(self) -> None:
        """Read what has come."""
        document: Document | None
        if self._scan is None:
            document = parsed(bytes(self._body))
            self._findings.complete = document is not None
        else:
            document = {name: _value(text) for name, text in self._scan.values.items()}
            self._findings.complete = self._scan.is_whole
        if document is None:
            return
        if self._shape == "anthropic":
            anthropic_document(self._findings, document)
        else:
            openai_document(self._findings, document)


def _value(text: bytes) -> object:
    wrapped = parsed(b'{"value":%b}' % text)
    return None if wrapped is None else wrapped["value"]


_Match = Callable[..., re.Match[bytes] | None]
"""Takes the text, and where to begin."""
_Tells = Callable[[bytes], bool]
_ReadEvent = Callable[[Findings, str | None, bytes, int], None]

_WIRES: dict[Shape, tuple[_Match, _Match, _Tells, _ReadEvent]] = {
    "anthropic": (
        re.compile(rb"(?:event: content_block_delta\ndata: .*+\n\n)++").match,
        re.compile(rb'event: ?content_block_delta\ndata:|"type": ?"content_block_delta"').search,
        _tells_anthropic,
        anthropic_event,
    ),
    "openai": (
        re.compile(rb"(?:event: response\.[a-z_.]++(?<=\.delta)\ndata: .*+\n\n)++").match,
        re.compile(rb'"delta"\s*+:').search,
        _tells_openai,
        openai_event,
    ),
}
"""By shape: match of events that are content by their name, search for content among events, test for events worth
reading, and their reader."""
