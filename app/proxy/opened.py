"""An answer whose beginning is known: held back until it is decided whether the client gets it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from app.db import is_cooperative
from app.errors import UpstreamFailed
from app.providers.openai_wire.streaming import StreamTranslator
from app.providers.sse import first_event
from app.usage.decoding import Decoder, NotDecodable, decoder
from app.values import Headers, folded

HEAD_BYTES = 65536
_SECRET_BYTES = 8
"""A shorter credential is none, and its letters stand in any text."""


class Arriving(Protocol):
    """An answer on its way, as the transport gives it."""

    status: int
    headers: Headers
    is_done: bool
    """Whether the body was read to its end, or given up."""

    def read(self) -> bytes:
        """Return the next bytes of the body; b"" at its end. Raises UpstreamFailed."""

    def close(self) -> None:
        """Give the answer up."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer in the shape of a client that speaks another API: `body`, or what `translator` makes
    of the upstream's bytes once `decoder` has undone their coding."""

    status: int
    content_type: str
    losses: tuple[str, ...]
    body: bytes = b""
    translator: StreamTranslator | None = None
    decoder: Decoder | None = None


class Opened:
    """An answer with the bytes of its body that were read so far.

    `head`: the decoded beginning that a verdict looks at. `is_stream`: it holds server-sent events. `shown`: the answer
    as the client is to see it, where that is not as it came.
    """

    __slots__ = (
        "_decoder",
        "_secret",
        "_size",
        "answer",
        "broke",
        "fields",
        "head",
        "held",
        "is_ended",
        "is_stream",
        "shown",
    )

    def __init__(self, answer: Arriving, secret: str = "") -> None:
        self._secret = secret.encode()
        """The account's credential: an upstream that repeats it in its answer does not tell it to the client."""
        self.answer = answer
        self.fields: Mapping[str, str] = folded(answer.headers)
        self.held: list[bytes] = []
        self._size = 0
        self.head = b""
        self.is_ended = False
        self.broke: UpstreamFailed | None = None
        """How the body broke off within its beginning; what came of it is in `held`."""
        self.shown: Shown | None = None
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
        piece = self._take()
        if piece and len(self.head) < HEAD_BYTES:
            self._look(piece)
        return not self.is_ended

    def _take(self) -> bytes:
        piece = self.answer.read()
        if not piece:
            self.is_ended = True
            return b""
        piece = self._hidden(piece)
        self.held.append(piece)
        self._size += len(piece)
        return piece

    def _look(self, piece: bytes) -> None:
        if self._decoder is None:
            self.head += piece
            return
        try:
            for decoded in self._decoder.feed(piece):
                self.head += self._hidden(decoded[:HEAD_BYTES])
                if len(self.head) >= HEAD_BYTES:
                    return
        except NotDecodable:
            self._decoder = _Blind()

    def _hidden(self, data: bytes) -> bytes:
        secret = self._secret
        return data.replace(secret, b"*" * len(secret)) if len(secret) >= _SECRET_BYTES and secret in data else data

    @property
    def is_empty_stream(self) -> bool:
        """Whether it is a stream that ended before anything of it said what it is."""
        is_seen = not isinstance(self._decoder, _Blind)
        return self.is_stream and self.is_ended and is_seen and first_event(self.head) is None

    @property
    def _is_full(self) -> bool:
        """Whether enough was read, also of what cannot be decoded."""
        return len(self.head) >= HEAD_BYTES or self._size >= HEAD_BYTES

    def pull_first_event(self, within_s: float) -> None:
        """Read until the first event that decides is whole, the head is full, the stream ends, or the time is over."""
        _within(within_s, self._pull_first_event)

    def _pull_first_event(self) -> None:
        while first_event(self.head) is None and not self._is_full and self.pull():
            pass

    def pull_first_bytes(self, within_s: float) -> None:
        """Read until anything of the body is there, it ends, or the time is over. A verdict does not look at it."""
        if not self.answer.is_done:
            _within(within_s, self._take)

    def pull_head(self) -> None:
        """Read until the head is full or the body ends; a body that breaks off is judged by what there is of it."""
        try:
            while not self._is_full and self.pull():
                pass
        except UpstreamFailed as exc:
            self.broke = exc

    def pull_all(self, most_bytes: int) -> None:
        """Read to the end of the body. Raises UpstreamFailed, also when there is more than `most_bytes` of it."""
        while self.pull():
            if self._size > most_bytes:
                raise UpstreamFailed(f"the answer is larger than {most_bytes} bytes", phase="body", sent=True)

    def close(self) -> None:
        """Give the answer up."""
        self.answer.close()


class _Blind:
    """Stands for a content coding that nobody can decode: nothing is seen."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See nothing."""
        return iter(())


def _within(limit_s: float, action: Callable[[], object]) -> None:
    """Run `action`, and stop waiting for it after `limit_s`; what it has read by then is kept."""
    if not is_cooperative():
        action()
        return
    import gevent  # noqa: PLC0415 - the command line does without it

    with gevent.Timeout(limit_s, False):  # type: ignore[arg-type]  # False: leave silently
        action()
