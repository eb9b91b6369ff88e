"""The way back for a client of another shape: the same relay, with a translator between upstream and client."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from app.clock import now_ms
from app.errors import CcflareError, UpstreamFailed
from app.proxy.opened import Shown
from app.proxy.relay import Relay
from app.usage.decoding import NotDecodable
from app.usage.meter import Meter, Reading
from app.values import Outcome, Tokens

_END_S = 1.0
"""How long an upstream may take to end its body once its stream has said that it is over."""

_UNKNOWN_USAGE = "usage:"
"""How the loss begins that says that the tokens shown to the client are not the upstream's word."""


class TranslatedRelay(Relay):
    """A WSGI iterable. The meter reads the side that speaks the Messages API, whichever that is.

    A stream that breaks ends in an error event, and then its connection is cut like any other that breaks.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        made = self._opened.shown
        if made is None:
            raise CcflareError("an answer without a translation was to be relayed as one")
        self._shown: Shown = made
        self._pieces = deque(self._opened.held)
        self._meters_output = self._provider.shape == "openai"
        if self._meters_output:
            self._meter = Meter(made.content_type)
        self._is_begun = False
        self._is_over = False
        self._break: UpstreamFailed | None = None

    def __next__(self) -> bytes:
        if self._break is not None:
            self._broken(self._break)
        if self._is_over:
            self._end()
        if self._shown.translator is None:
            return self._out(self._whole())
        while True:
            if not (self._is_begun or self._pieces or self._answer.is_done):
                self._is_begun = True
                return b""  # The head goes ahead of an answer that takes its time.
            piece = self._translated()
            if piece:
                return self._out(piece)
            if self._is_over:
                self._end()

    def _whole(self) -> bytes:
        self._is_over = True
        if not self._meters_output:
            for piece in self._pieces:
                self._meter.feed(piece, now_ms())
        return self._shown.body

    def _translated(self) -> bytes:
        """Return what the next bytes of the upstream come to; empty where they complete nothing."""
        translator = self._shown.translator
        if translator is None:
            return b""
        made = b""
        try:
            raw = self._pieces.popleft() if self._pieces else self._read()
            if not raw:
                self._is_over = True
                last = translator.finish()
                if last and not translator.is_complete:
                    self._break = UpstreamFailed("the stream ended before its last event", phase="body", sent=True)
                return last
            if not self._meters_output:
                self._meter.feed(raw, now_ms())
            for piece in self._decoded(raw):
                made += translator.feed(piece)
        except UpstreamFailed as exc:
            self._is_over = True
            made += translator.finish()
            self._break = None if translator.is_complete else exc
            return made
        self._is_over = translator.is_over
        return made

    def _read(self) -> bytes:
        self._flight.expect(self._idle_s, self._silence)
        return self._answer.read()

    def _decoded(self, raw: bytes) -> Iterator[bytes]:
        if self._shown.decoder is None:
            yield raw
            return
        try:
            yield from self._shown.decoder.feed(raw)
        except NotDecodable as exc:
            raise UpstreamFailed(f"the answer cannot be decoded: {exc}", phase="body", sent=True) from exc

    def _out(self, piece: bytes) -> bytes:
        """Count a piece that goes to the client; the record is written before the last one leaves."""
        self._is_begun = True
        record, at = self._record, now_ms()
        if record.first_byte_at is None:
            record.first_byte_at = at
        record.answer_bytes += len(piece)
        if self._meters_output:
            self._meter.feed(piece, at)
        if record.capture is not None:
            record.capture.add(piece)
        if self._break is not None:
            record.error = self._break.message
            self._write_record("upstream_broke")
        elif self._is_over:
            self._write_record(None)
        self._flight.wait_free()
        return piece

    def _end(self) -> None:
        """Let the upstream end its body, so that its connection can be used again, and end."""
        self._write_record(None)
        try:
            while not self._answer.is_done:
                self._flight.expect(_END_S, self._silence)
                self._answer.read()
        except UpstreamFailed:
            pass  # The client has everything.
        self._settle()
        raise StopIteration

    def _write_record(self, outcome: Outcome | None) -> None:
        translator = self._shown.translator
        if translator is not None:
            self._record.losses = tuple(dict.fromkeys((*self._shown.losses, *translator.losses)))
        super()._write_record(outcome)

    def _reading(self) -> Reading:
        """Return what the meter read, less the zeros that stand for tokens which nobody told."""
        reading = super()._reading()
        translator = self._shown.translator
        is_cut = translator is not None and not translator.is_complete
        is_untold = is_cut or any(loss.startswith(_UNKNOWN_USAGE) for loss in self._record.losses)
        if self._meters_output and is_untold:
            return replace(reading, tokens=Tokens(), is_partial=False)
        return reading
