"""An answer whose beginning is known: held back until it is decided whether the client gets it."""

from collections.abc import Iterator, Mapping

from app.errors import UpstreamFailed
from app.providers.sse import first_event
from app.transport import Answer
from app.usage.decoding import Decoder, NotDecodable, decoder
from app.values import folded

HEAD_BYTES = 65536


class Opened:
    """An answer with the bytes of its body that were read so far.

    `head`: the decoded beginning that a verdict looks at. `is_stream`: it holds server-sent events.
    """

    __slots__ = ("_decoder", "answer", "fields", "head", "held", "is_ended", "is_stream")

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.fields: Mapping[str, str] = folded(answer.headers)
        self.held: list[bytes] = []
        self.head = b""
        self.is_ended = False
        self.is_stream = self.fields.get("content-type", "").lower().startswith("text/event-stream")
        self._decoder: Decoder | None = None
        encoding = self.fields.get("content-encoding", "")
        if encoding:
            try:
                self._decoder = decoder(encoding)
            except NotDecodable:
                self._decoder = _Blind()

    def pull(self) -> bool:
        """Read once more; return whether anything came. Raises UpstreamFailed."""
        piece = self.answer.read()
        if not piece:
            self.is_ended = True
            return False
        self.held.append(piece)
        if len(self.head) < HEAD_BYTES:
            self.head += self._decoded(piece)
        return True

    def _decoded(self, piece: bytes) -> bytes:
        if self._decoder is None:
            return piece
        try:
            return b"".join(self._decoder.feed(piece))[:HEAD_BYTES]
        except NotDecodable:
            self._decoder = _Blind()
            return b""

    def pull_first_event(self) -> None:
        """Read until the first event that decides is whole, the head is full, or the stream ends."""
        while first_event(self.head) is None and len(self.head) < HEAD_BYTES and self.pull():
            pass

    def pull_head(self) -> None:
        """Read until the head is full or the body ends; a body that breaks off is judged by what there is of it."""
        try:
            while len(self.head) < HEAD_BYTES and self.pull():
                pass
        except UpstreamFailed:
            self.is_ended = False

    def close(self) -> None:
        """Give the answer up."""
        self.answer.close()


class _Blind:
    """Stands for a content coding that nobody can decode: nothing is seen."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See nothing."""
        return iter(())
