"""The translating relay: every ending, its record, and what the meter reads."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.errors import CcflareError
from app.flights import Flight, Flights
from app.providers import PROVIDERS
from app.providers.openai_wire.exchange import exchange
from app.providers.sse import encode
from app.proxy.forward import Served
from app.proxy.opened import Opened
from app.proxy.shown import shown
from app.proxy.translated import TranslatedRelay
from app.usage.recorder import Record
from app.values import Candidate, Outcome, ProxyRequest
from config import Settings
from tests.unit.proxy.answers import CHUNK, COMPLETION, DONE, EVENTS, FINISH, JSON, Canned

BODY = b'{"max_tokens":5,"messages":[{"role":"user","content":"hi"}],"stream":true}'
ERROR = b'data: {"error":{"message":"no","code":"server_error"}}\n\n'
MESSAGE: dict[str, Any] = {"id": "m", "model": "c", "usage": {"input_tokens": 3}}
DELTA: dict[str, Any] = {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}}


def event(kind: str, **fields: Any) -> bytes:
    return encode(kind, json.dumps({"type": kind, **fields}).encode())


START = event("message_start", message=MESSAGE)
STOP = event("message_delta", **DELTA) + event("message_stop")


@dataclass
class Journal:
    """Takes the place of the recorder: keeps what would be written."""

    written: list[tuple[Record, Outcome]] = field(default_factory=list)

    def finish(self, record: Record, outcome: Outcome) -> None:
        self.written.append((record, outcome))


@dataclass
class Ride:
    """One relay with everything around it."""

    relay: TranslatedRelay
    answer: Canned
    journal: Journal
    flights: Flights

    def pieces(self) -> Iterator[bytes]:
        yield from self.relay

    @property
    def outcome(self) -> Outcome:
        ((_, outcome),) = self.journal.written
        return outcome

    @property
    def record(self) -> Record:
        ((record, _),) = self.journal.written
        return record


def ride(*pieces: bytes, breaks: bool = False, mode: str = "openai-compatible", held: int = 0, **given: Any) -> Ride:
    path = "/v1/messages" if mode == "openai-compatible" else "/v1/chat/completions"
    request = ProxyRequest(1, 0, "POST", path, path, (), BODY, "m", stream=True)
    answer = Canned(*pieces, headers=given.get("headers", EVENTS), breaks=breaks)
    made = Opened(answer)
    for _ in range(held):
        made.pull()
    asked = exchange(path, BODY, "m", PROVIDERS[mode].shape)
    assert asked is not None
    made.shown = shown(made, asked)
    record = Record(request, "session", status=made.shown.status, losses=made.shown.losses)
    journal, flights = Journal(), Flights(1)
    served = Served(made, Candidate(1, "a", mode), PROVIDERS[mode])
    relay = TranslatedRelay(served, record, journal, flights, Flight(None, None), Settings.load({}), {})
    return Ride(relay, answer, journal, flights)


def test_stream_comes_piece_by_piece_behind_its_head() -> None:
    going = ride(CHUNK, FINISH, DONE)
    pieces = list(going.pieces())
    assert pieces[0] == b""
    assert b"message_start" in pieces[1]
    assert pieces[-1].endswith(b'data: {"type":"message_stop"}\n\n')
    assert going.outcome == "complete"
    assert going.record.reading is not None
    assert (going.record.reading.tokens.input, going.record.reading.tokens.output) == (4, 2)
    assert going.record.answer_bytes == sum(map(len, pieces))
    assert going.answer.is_closed


def test_record_is_written_before_the_last_piece_leaves() -> None:
    going = ride(CHUNK, FINISH, DONE)
    pieces = going.pieces()
    while b"message_stop" not in next(pieces):
        assert going.journal.written == []
    assert going.outcome == "complete"


def test_what_was_held_goes_first() -> None:
    pieces = list(ride(CHUNK, FINISH, DONE, held=2).pieces())
    assert b"message_start" in pieces[0]


@pytest.mark.parametrize("last", [(), (CHUNK[:20],)], ids=["between events", "inside one"])
@pytest.mark.parametrize("breaks", [True, False], ids=["cut", "clean"])
def test_stream_that_breaks_ends_in_an_error_and_then_as_broken(last: tuple[bytes, ...], breaks: bool) -> None:
    going = ride(CHUNK, *last, breaks=breaks)
    pieces = going.pieces()
    while b"event: error" not in next(pieces):
        pass
    assert going.outcome == "upstream_broke"
    assert going.record.error
    assert going.record.reading is not None
    assert not going.record.reading.tokens.is_known
    with pytest.raises(ConnectionResetError):
        next(pieces)
    assert len(going.journal.written) == 1
    assert len(going.flights) == 0


def test_break_behind_the_end_harms_nobody() -> None:
    going = ride(CHUNK, FINISH, breaks=True)
    assert b"message_stop" in b"".join(going.pieces())
    assert going.outcome == "complete"
    going = ride(CHUNK, FINISH, DONE, breaks=True)
    assert b"message_stop" in b"".join(going.pieces())
    assert going.outcome == "complete"


def test_what_was_decoded_before_the_coding_breaks_goes_out() -> None:
    headers = (*EVENTS, ("content-encoding", "gzip"))
    junk = b"\x1f and no gzip"
    broken = ride(gzip.compress(CHUNK) + junk, headers=headers)
    pieces = broken.pieces()
    assert next(pieces) == b""
    seen = next(pieces)
    assert b"message_start" in seen
    assert seen.count(b"event: error") == 1
    assert broken.outcome == "upstream_broke"
    with pytest.raises(ConnectionResetError):
        next(pieces)
    whole = ride(gzip.compress(CHUNK + FINISH + DONE) + junk, headers=headers)
    assert b"message_stop" in b"".join(whole.pieces())
    assert whole.outcome == "complete"


def test_bomb_in_a_stream_is_told_and_then_broken() -> None:
    """Its line grows too long before its coding is given up."""
    going = ride(gzip.compress(b"x" * (200 << 20)), headers=(*EVENTS, ("content-encoding", "gzip")))
    pieces = going.pieces()
    assert next(pieces) == b""
    assert b"event: error" in next(pieces)
    assert going.outcome == "upstream_broke"
    with pytest.raises(ConnectionResetError):
        next(pieces)


def test_error_inside_a_stream_ends_it_cleanly() -> None:
    going = ride(CHUNK, ERROR, CHUNK)
    said = b"".join(going.pieces())
    assert said.count(b"event: error") == 1
    assert said.count(b"text_delta") == 1
    assert going.outcome == "upstream_broke"


def test_client_that_leaves_is_recorded_without_made_up_tokens() -> None:
    going = ride(CHUNK, FINISH, DONE)
    pieces = going.pieces()
    assert next(pieces) == b""
    assert next(pieces)
    going.relay.close()
    going.relay.close()
    assert going.outcome == "client_gone"
    assert going.record.reading is not None
    assert not going.record.reading.tokens.is_known
    assert going.answer.is_closed


def test_whole_answer_goes_at_once() -> None:
    going = ride(COMPLETION, headers=JSON)
    (piece,) = going.pieces()
    assert b"message_stop" in piece
    assert going.outcome == "complete"


def test_meter_reads_the_messages_side_for_a_client_of_openai() -> None:
    going = ride(START, STOP, mode="console")
    said = b"".join(going.pieces())
    assert said.endswith(b"data: [DONE]\n\n")
    assert going.record.reading is not None
    assert (going.record.reading.tokens.input, going.record.reading.tokens.output) == (3, 4)


def test_losses_of_request_and_stream_are_in_the_record() -> None:
    nameless = b'data: {"id":"c","choices":[{"index":1,"delta":{}}]}\n\n'
    going = ride(CHUNK, nameless, FINISH, DONE)
    list(going.pieces())
    assert going.record.losses == ("choices: only the first",)


def test_encoded_stream_that_goes_wrong_breaks() -> None:
    going = ride(b"no gzip at all", headers=(*EVENTS, ("content-encoding", "gzip")))
    with pytest.raises(ConnectionResetError):
        list(going.relay)
    assert going.outcome == "upstream_broke"


def test_answer_without_a_translation_is_not_relayed_as_one() -> None:
    served = Served(Opened(Canned()), Candidate(1, "a", "console"), PROVIDERS["console"])
    record = Record(ProxyRequest(1, 0, "GET", "/", "/", (), b""), "session")
    with pytest.raises(CcflareError):
        TranslatedRelay(served, record, Journal(), Flights(1), Flight(None, None), Settings.load({}), {})
