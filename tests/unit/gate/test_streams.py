from collections.abc import Iterator

import pytest
from flask import Flask

from app.access import service
from app.audit import SYSTEM
from app.gate import streams
from app.gate.streams import Event, event_stream
from app.gate.visitors import Visitor, admit
from app.runtime import runtime
from tests.unit.browsers import key


@pytest.mark.parametrize(
    ("event", "wire"),
    [
        (Event("one"), b"data: one\n\n"),
        (Event("one\ntwo\r\n", "lines", "7"), b"event: lines\nid: 7\ndata: one\ndata: two\ndata: \n\n"),
        (Event({"a": "\u00fc"}), 'data: {"a": "\u00fc"}\n\n'.encode()),
    ],
    ids=["text", "lines", "json"],
)
def test_event_on_the_wire(event: Event, wire: bytes) -> None:
    assert event.encoded() == wire


def pieces(app: Flask, looks: list[list[Event]], key: str | None = None) -> tuple[Iterator[bytes], list[str]]:
    """Return what a stream sends to a program with a key, and whether it was closed."""
    closed: list[str] = []
    with app.test_request_context("/dashboard/logs/stream", headers={"x-api-key": key} if key else {}):
        admit(Visitor("program", "admin", key_id="00112233") if key else Visitor("ada", "admin", user_id=1))
        answer = event_stream(lambda: looks.pop(0) if looks else [], lambda: closed.append("yes"))
    return iter(answer.response), closed  # type: ignore[arg-type]


def test_stream_sends_what_is_found_until_the_worker_drains(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_LOOK_S", 0.0)
    found, closed = pieces(app, [[Event("one"), Event("two")]])
    assert next(found) == b"retry: 500\n\n"
    assert next(found) == b"data: one\n\ndata: two\n\n"
    runtime().flights.is_stopping = lambda: True
    assert list(found) == [b"event: bye\ndata: the server is about to stop\n\n"]
    assert closed == ["yes"]
    assert len(runtime().flights) == 0


def test_silent_stream_shows_that_it_lives(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_BEAT_S", 0.0)
    monkeypatch.setattr(streams, "_LOOK_S", 0.0)
    found, _ = pieces(app, [], key(app))
    next(found)
    assert next(found) == b": still here\n\n"


def test_stream_ends_when_the_reader_is_let_in_no_more(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_BEAT_S", 0.0)
    monkeypatch.setattr(streams, "_LOOK_S", 0.0)
    found, closed = pieces(app, [], key(app))
    next(found)
    next(found)
    service.revoke_key("key of admin", SYSTEM)
    runtime().keys.load()
    assert list(found) == []
    assert closed == ["yes"]


def test_stream_of_nobody_ends(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_BEAT_S", 0.0)
    found, _ = pieces(app, [])
    assert list(found) == [b"retry: 500\n\n"]
