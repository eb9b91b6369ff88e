from collections.abc import Iterable

from app.providers.openai_wire.streaming import StreamTranslator, event_object
from app.providers.sse import MAX_EVENT_BYTES, Event


class Echo(StreamTranslator):
    """Repeats each event's data, and ends with `end`."""

    def keep_alive(self) -> Iterable[bytes]:
        return [b"~"]

    def read(self, event: Event) -> Iterable[bytes]:
        if event.data == b"end":
            self.end(is_complete=True)
        return [event.data]

    def failed(self, message: str) -> Iterable[bytes]:
        self.end(is_complete=False)
        return [b"!"]


def test_nothing_follows_the_end() -> None:
    echo = Echo()
    assert echo.feed(b"data: a\n\ndata: end\n\ndata: b\n\n") == b"aend"
    assert echo.feed(b"data: c\n\n") == echo.finish() == b""
    assert echo.is_complete


def test_last_event_counts_without_its_blank_line() -> None:
    echo = Echo()
    assert echo.feed(b"data: a\n\ndata: end") == b"a"
    assert echo.finish() == b"end"


def test_comment_is_a_sign_of_life() -> None:
    assert Echo().feed(b": waiting\n\ndata: a\n\n") == b"~a"


def test_stream_that_stops_early_fails_once() -> None:
    echo = Echo()
    echo.feed(b"data: a\n\n")
    assert not echo.is_over
    assert echo.finish() == b"!"
    assert echo.finish() == b""
    assert echo.is_over
    assert not echo.is_complete


def test_event_that_is_too_large_fails_the_stream() -> None:
    echo = Echo()
    assert echo.feed(b"data: " + b"x" * (MAX_EVENT_BYTES + 1)) == b"!"
    assert echo.finish() == b""


def test_event_without_an_object_has_none() -> None:
    assert event_object(Event(None, b"[1]")) is None
    assert event_object(Event(None, b"{}")) == {}
