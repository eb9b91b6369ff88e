"""The way back: bytes as they came, exactly one record before the last of them, a break shown as a break."""

import gc
import socket
import weakref
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from app.answers import LastPiece
from app.errors import UpstreamFailed
from app.flights import Flight, Flights
from app.providers import PROVIDERS
from app.proxy.forward import Served
from app.proxy.opened import Opened
from app.proxy.relay import Relay, cut
from app.usage.journal import Journal, decode, journals
from app.usage.recorder import Record, Recorder, RecordOptions
from app.values import Candidate, Headers, ProxyRequest
from app.vault import keyring, new_key
from config import Settings
from tests.unit.proxy.answers import EVENTS, JSON, Canned

START = b'event: message_start\ndata: {"type":"message_start","message":{"model":"m","usage":{"input_tokens":7}}}\n\n'
DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}\n\n'
USAGE = b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
USAGE += b'"usage":{"output_tokens":9}}\n\n'
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
ERROR = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
STREAM = (START, DELTA, USAGE, STOP)
ACCOUNT = Candidate(1, "work", "console")
SETTINGS = Settings.load({})


class Way:
    """One answer on its way to one client, and what is recorded of it."""

    def __init__(self, folder: Path, answer: Canned, *, held: int = 0, pull_head: bool = False) -> None:
        self.folder = folder
        self.answer = answer
        self.flights = Flights(10)
        self.flight: Flight = self.flights.begin({})
        is_stream = dict(answer.headers)["Content-Type"].startswith("text/event-stream")
        request = ProxyRequest(1, 1, "POST", "/v1/messages", "/v1/messages", (), b"{}", "m", is_stream)
        self.record = Record(request, "session", status=answer.status)
        self.opened = Opened(answer)
        if pull_head:
            self.opened.pull_head()
        for _ in range(held):
            self.opened.pull()
        recorder = Recorder(Journal(folder), keyring(new_key()), RecordOptions("off"))
        served = Served(self.opened, ACCOUNT, PROVIDERS["console"])
        self.client, theirs = socket.socketpair()
        self.theirs = theirs
        environ: dict[str, Any] = {"gunicorn.socket": theirs, "SERVER_PROTOCOL": "HTTP/1.1"}
        self.relay = Relay(served, self.record, recorder, self.flights, self.flight, SETTINGS, environ)

    @property
    def written(self) -> list[dict[str, Any]]:
        """The records so far."""
        return [entry.head for path in journals(self.folder) for entry in decode(path.read_bytes())]

    def close(self) -> None:
        """End it, as the server does."""
        if hasattr(self, "relay"):
            self.relay.close()
        self.client.close()
        self.theirs.close()


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Any]:
    made: list[Way] = []

    def make(*pieces: bytes, headers: Headers = EVENTS, status: int = 200, breaks: bool = False, **more: Any) -> Way:
        answer = Canned(*pieces, status=status, headers=headers, breaks=breaks)
        made.append(Way(tmp_path / f"journal-{len(made)}", answer, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("held", range(5))
def test_bytes_come_as_they_are_and_tokens_are_counted(way: Any, held: int) -> None:
    """However much of it was read before it was decided that the client gets it."""
    one = way(*STREAM, held=held)
    assert b"".join(one.relay) == b"".join(STREAM)
    (head,) = one.written
    assert (head["outcome"], head["tokens"][:2], head["is_partial"]) == ("complete", [7, 9], False)
    assert (head["answer_bytes"], len(one.flights)) == (sum(map(len, STREAM)), 0)


def test_record_is_written_before_the_last_bytes_go_out(way: Any) -> None:
    one = way(*STREAM)
    for piece in one.relay:
        assert len(one.written) == (piece == STOP)
    one.relay.close()
    assert len(one.written) == 1


def test_document_is_recorded_before_its_last_bytes_go_out(way: Any) -> None:
    one = way(b'{"type":"message","usage":{"input_tokens":1,', b'"output_tokens":2}}', headers=JSON)
    assert [len(one.written) for piece in one.relay if piece] == [0, 1]
    assert one.written[0]["tokens"][:2] == [1, 2]


@pytest.mark.parametrize(("pieces", "headers"), [(STREAM, EVENTS), ((b'{"type":', b'"message"}'), JSON)])
def test_server_is_told_which_bytes_are_the_last(way: Any, pieces: tuple[bytes, ...], headers: Headers) -> None:
    one = way(*pieces, headers=headers)
    *others, last = one.relay
    assert (type(last), {type(piece) for piece in others}) == (LastPiece, {bytes})


def test_bytes_that_lack_the_last_event_are_not_called_the_last(way: Any) -> None:
    one = way(START, DELTA)
    pieces: list[bytes] = []
    with pytest.raises(ConnectionResetError):
        pieces.extend(one.relay)
    assert {type(piece) for piece in pieces} == {bytes}


def test_head_goes_ahead_of_a_body_that_takes_its_time(way: Any) -> None:
    assert next(iter(way(*STREAM).relay)) == b""
    assert next(iter(way(*STREAM, held=1).relay)) == START


def test_empty_answer_ends_at_once(way: Any) -> None:
    one = way(headers=JSON)
    assert list(one.relay) == []
    assert one.written[0]["outcome"] == "complete"


@pytest.mark.parametrize("count", [2, 9], ids=["left-early", "whole"])
def test_memory_of_a_request_is_free_when_it_ends(way: Any, count: int) -> None:
    """A cycle would keep each request, body and all, until the next collection of garbage."""
    one = way(*STREAM)
    list(islice(one.relay, count))
    one.relay.close()
    relay = weakref.ref(one.relay)
    gc.disable()
    try:
        del one.relay
        assert relay() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("pieces", [(START, DELTA), (START,), (START + DELTA + USAGE,)])
def test_stream_that_ends_before_its_last_event_is_cut(way: Any, pieces: tuple[bytes, ...]) -> None:
    one = way(*pieces)
    with pytest.raises(ConnectionResetError):
        list(one.relay)
    (head,) = one.written
    assert head["outcome"] == "upstream_broke"
    assert one.client.recv(1) == b"", "its sending side is shut"


def test_error_event_is_an_end_though_a_bad_one(way: Any) -> None:
    one = way(START, DELTA, ERROR)
    assert b"".join(one.relay) == START + DELTA + ERROR
    (head,) = one.written
    assert (head["outcome"], head["error"]) == ("upstream_broke", "overloaded_error: Overloaded")


@pytest.mark.parametrize("status", [200, 400])
def test_connection_that_breaks_is_shown_as_a_break(way: Any, status: int) -> None:
    one = way(b'{"type":', headers=JSON, status=status, breaks=True)
    pieces: list[bytes] = []
    with pytest.raises(ConnectionResetError):
        pieces.extend(one.relay)
    assert b"".join(pieces) == b'{"type":'
    assert one.written[0]["outcome"] == "upstream_broke"
    assert "broke off" in one.written[0]["error"]


@pytest.mark.parametrize("pieces", [(b'{"type":',), ()], ids=["some", "nothing"])
def test_error_that_broke_while_it_was_judged_is_shown_as_a_break(way: Any, pieces: tuple[bytes, ...]) -> None:
    one = way(*pieces, headers=JSON, status=400, breaks=True, pull_head=True)
    assert next(one.relay) == b"".join(pieces)
    assert one.written == []
    with pytest.raises(ConnectionResetError):
        next(one.relay)
    assert one.written[0]["outcome"] == "upstream_broke"


@pytest.mark.parametrize(
    ("cause", "outcome"), [("client_gone", "client_gone"), ("shutdown", "cut_by_shutdown"), (None, "client_gone")]
)
def test_end_from_outside_leaves_its_record_and_closes_the_upstream(way: Any, cause: str, outcome: str) -> None:
    one = way(*STREAM)
    assert [next(one.relay) for _ in range(3)] == [b"", START, DELTA]
    one.flight.cause = cause
    one.relay.close()
    one.relay.close()
    (head,) = one.written
    assert (head["outcome"], head["is_partial"], head["tokens"][0]) == (outcome, True, 7)
    assert (one.answer.is_closed, len(one.flights)) == (True, 0)


def test_end_behind_the_last_event_is_complete(way: Any) -> None:
    one = way(*STREAM)
    for piece in one.relay:
        if piece == STOP:
            break
    one.relay.close()
    assert [head["outcome"] for head in one.written] == ["complete"]


def test_silence_is_bounded_while_the_upstream_is_waited_for(way: Any) -> None:
    one = way(*STREAM)
    next(one.relay)
    next(one.relay)
    assert not one.flight.deadline, "the client is what is waited for now"
    one.answer.read = lambda: (_ for _ in ()).throw(one.flight.overdue())
    with pytest.raises(ConnectionResetError) as caught:
        next(one.relay)
    assert isinstance(caught.value.__cause__, UpstreamFailed)
    assert "silent for 300 s" in one.written[0]["error"]


@pytest.mark.parametrize(("protocol", "is_reset"), [("HTTP/1.1", False), ("HTTP/1.0", True)])
def test_cut_is_a_reset_where_there_is_no_framing(protocol: str, is_reset: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        ours, _ = listener.accept()
        client.settimeout(5)
        ours.sendall(b"part")
        assert client.recv(10) == b"part"
        cut({"gunicorn.socket": ours, "SERVER_PROTOCOL": protocol})
        if is_reset:
            with pytest.raises(ConnectionResetError):
                client.recv(10)
        else:
            assert client.recv(10) == b""
        ours.close()
        cut({"gunicorn.socket": ours, "SERVER_PROTOCOL": "HTTP/1.1"})
        cut({})
