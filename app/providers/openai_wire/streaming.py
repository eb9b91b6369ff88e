"""What all stream translators share: bytes in, bytes out, one event at a time, and a definite end."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from app.providers.openai_wire.translation import Json, Losses, parsed
from app.providers.sse import Event, Framer, blocks, parse_block


class StreamTranslator(ABC):
    """Translates a stream incrementally: `feed` each chunk as it comes, then `finish` once at its end.

    After the end of the translated stream, good or bad, further input is ignored. A subclass reads events in
    `read`, and in `ended` says what a stream that ended before its end has to tell the client.
    """

    def __init__(self) -> None:
        self._framer = Framer()
        self._losses = Losses()
        self.is_over = False
        """Whether the translated stream has ended, well or with an error."""
        self.is_complete = False
        """Whether the stream came to its proper end; False while it runs, and for good when it broke."""

    @property
    def losses(self) -> tuple[str, ...]:
        """What could not be carried so far."""
        return self._losses.listed()

    def feed(self, chunk: bytes) -> bytes:
        """Return the translation of what `chunk` completes."""
        return b"".join(self._events(chunk))

    def finish(self) -> bytes:
        """Return the rest: the upstream's stream has ended. An unfinished one is told as an error."""
        # The last event counts also where the server left out the blank line behind it.
        rest = b"".join(self._events(b"\n\n"))
        if self.is_over:
            return rest
        self.is_over = True
        return rest + b"".join(self.ended())

    def _events(self, chunk: bytes) -> list[bytes]:
        out: list[bytes] = []
        for block in blocks(self._framer.feed(chunk)):
            if self.is_over:
                break
            event = parse_block(block)
            out += self.keep_alive() if event is None else self.read(event)
        if self._framer.dropped and not self.is_over:
            out += self.failed("The upstream sent an event that is too large to translate.")
        return out

    def end(self, *, is_complete: bool) -> None:
        """Mark the translated stream as ended."""
        self.is_over = True
        self.is_complete = is_complete

    @abstractmethod
    def keep_alive(self) -> Iterable[bytes]:
        """Return what stands for a comment of the upstream."""

    @abstractmethod
    def read(self, event: Event) -> Iterable[bytes]:
        """Return what stands for one event of the upstream."""

    @abstractmethod
    def failed(self, message: str) -> Iterable[bytes]:
        """Return the error that ends the stream, and end it."""

    def ended(self) -> Iterable[bytes]:
        """Return what ends a stream that the upstream ended."""
        return self.failed("The upstream ended its stream before the answer was complete.")


def event_object(event: Event) -> Json | None:
    """Return the JSON object that an event carries, or None."""
    value = parsed(event.data)
    return value if isinstance(value, dict) else None
