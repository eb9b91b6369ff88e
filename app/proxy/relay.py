"""The way back: bytes of the answer to the client as they come, past the meter, and one record at the end."""

import errno
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from app.answers import LastPiece
from app.clock import now_ms
from app.errors import UpstreamFailed
from app.flights import Flight, Flights
from app.proxy.forward import Served
from app.usage.meter import Meter, Reading
from app.usage.recorder import Record, Recorder
from app.values import Outcome
from config import Settings

_CAUSES: dict[str, Outcome] = {"client_gone": "client_gone", "shutdown": "cut_by_shutdown"}


class Relay:
    """A WSGI iterable. Whatever ends it, the record is written exactly once and both connections are settled."""

    def __init__(
        self,
        served: Served,
        record: Record,
        recorder: Recorder,
        flights: Flights,
        flight: Flight,
        settings: Settings,
        environ: dict[str, Any],
    ) -> None:
        self._opened = served.opened
        self._answer = served.opened.answer
        self._provider = served.provider
        self._record = record
        self._recorder = recorder
        self._flights = flights
        self._flight = flight
        self._idle_s = settings.idle_timeout_s
        self._environ = environ
        fields = served.opened.fields
        self._meter = Meter(fields.get("content-type", ""), fields.get("content-encoding", ""), served.provider.shape)
        # An answer without a first byte yet: an empty piece sends its head ahead.
        is_over = self._answer.is_done and self._opened.broke is None
        self._held = deque(served.opened.held or ([] if is_over else [b""]))
        self._is_recorded = False
        self._is_settled = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        flight = self._flight
        try:
            piece = self._held.popleft() if self._held else None
            if piece == b"":
                return piece
            if piece is None and self._opened.broke is not None:
                raise self._opened.broke
            if piece is None:
                flight.expect(self._idle_s, self._silence)
                piece = self._answer.read()
        except UpstreamFailed as exc:
            self._broken(exc)
        record = self._record
        at = now_ms()
        if piece:
            if record.first_byte_at is None:
                record.first_byte_at = at
            record.answer_bytes += len(piece)
            self._meter.feed(piece, at)
            if record.capture is not None:
                record.capture.add(piece)
            is_last = self._answer.is_done and not self._held and self._opened.broke is None
            if self._meter.is_complete or (is_last and not self._falls_short()):
                self._write_record(None)
            flight.wait_free()
            return LastPiece(piece) if is_last and self._is_recorded else piece
        self._ended()
        raise StopIteration

    def _silence(self) -> UpstreamFailed:
        return UpstreamFailed(f"the upstream was silent for {self._idle_s:g} s", phase="timeout", sent=True)

    def _ended(self) -> None:
        """The body is over: whole, unless it is a stream that stopped before its last event."""
        if not self._is_recorded and self._falls_short():
            self._broken(UpstreamFailed("the stream ended before its last event", phase="body", sent=True))
        self._write_record(None)
        self._settle()
        # An upstream that answers at once never makes this greenlet wait: let the others have their turn.
        time.sleep(0)

    def _falls_short(self) -> bool:
        """Whether the body is a stream of which the last event has not come."""
        if not (self._opened.is_stream and self._record.request.stream):
            return False
        reading = self._meter.reading()
        is_known = reading.model is not None or self._record.request.path == "/v1/messages"
        return reading.is_readable and not reading.complete and reading.error is None and is_known

    def _broken(self, exc: UpstreamFailed) -> None:
        """Let the client see a break as a break: cut its connection, never close it cleanly."""
        self._record.error = exc.message
        self._write_record("upstream_broke")
        self._settle()
        cut(self._environ)
        raise ConnectionResetError(errno.ECONNRESET, "the upstream broke off its answer") from exc

    def close(self) -> None:
        """End of the response for the server, however it came about."""
        if not self._is_settled:
            self._write_record(_CAUSES.get(self._flight.cause or "client_gone", "client_gone"))
            self._settle()
            if self._flight.cause == "shutdown":
                cut(self._environ)

    def _write_record(self, outcome: Outcome | None) -> None:
        """Write the record once; None: the body came to its end, and a success that ends in an error event broke."""
        if self._is_recorded:
            return
        self._is_recorded = True
        record = self._record
        record.reading = self._reading()
        if outcome is None:
            broke = (record.status or 0) < 400 and record.reading.error is not None
            outcome = "upstream_broke" if broke else "complete"
        self._recorder.finish(record, outcome)

    def _reading(self) -> Reading:
        return self._meter.reading()

    def _settle(self) -> None:
        self._is_settled = True
        self._answer.close()
        self._flights.end(self._flight)


def cut(environ: dict[str, Any]) -> None:
    """Break the client's connection so that it cannot take the answer for whole.

    HTTP/1.1 shows a missing last chunk or missing bytes; without framing only a reset shows it.
    """
    sock = environ.get("gunicorn.socket")
    if sock is None:
        return
    if environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    try:
        if environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
            sock.close()
        else:
            sock.shutdown(socket.SHUT_WR)
    except OSError:
        return
