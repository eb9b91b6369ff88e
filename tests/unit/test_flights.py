"""The requests of one worker: who has left, who is overdue, and how the worker drains."""

import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from app import flights as module
from app.errors import TooSlow
from app.flights import Flight, Flights, Landed


class Greenlet:
    """Stands where a request runs; remembers how it was ended."""

    def __init__(self) -> None:
        self.killed_by: list[Any] = []

    def kill(self, cause: Any, block: bool) -> None:
        """End it, as gevent does."""
        assert not block
        self.killed_by.append(cause)


class Clock:
    """A clock that the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "monotonic", made)
    return made


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def begun(of: Flights, sock: socket.socket | None = None) -> tuple[Flight, Greenlet]:
    """Begin a flight whose greenlet the test holds."""
    flight = of.begin({"gunicorn.socket": sock})
    greenlet = Greenlet()
    flight.greenlet = greenlet
    return flight, greenlet


@pytest.mark.usefixtures("clock")
def test_request_of_a_client_that_stays_is_left_alone(ends: tuple[socket.socket, socket.socket]) -> None:
    flights = Flights(10)
    _, greenlet = begun(flights, ends[0])
    ends[1].sendall(b"the next request, pipelined")
    flights.sweep()
    assert (greenlet.killed_by, len(flights)) == ([], 1)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("how", [socket.SHUT_WR, socket.SHUT_RDWR])
def test_client_that_closed_ends_its_request(ends: tuple[socket.socket, socket.socket], how: int) -> None:
    flights = Flights(10)
    flight, greenlet = begun(flights, ends[0])
    other, untouched = begun(flights)
    ends[1].shutdown(how)
    flights.sweep()
    assert (flight.cause, greenlet.killed_by) == ("client_gone", [Landed])
    assert (other.cause, untouched.killed_by, len(flights)) == (None, [], 1)
    flights.sweep()
    assert len(greenlet.killed_by) == 1


@pytest.mark.usefixtures("clock")
def test_closed_descriptor_is_passed_over(ends: tuple[socket.socket, socket.socket]) -> None:
    flights = Flights(10)
    _, greenlet = begun(flights, ends[0])
    ends[0].close()
    flights.sweep()
    assert greenlet.killed_by == []


def test_overdue_wait_raises_what_was_said(clock: Clock) -> None:
    flights = Flights(10)
    flight, greenlet = begun(flights)
    late = TooSlow("too slow")
    flight.expect(5, lambda: late)
    clock.now += 5
    flights.sweep()
    assert greenlet.killed_by == []
    clock.now += 0.1
    flights.sweep()
    flights.sweep()
    assert greenlet.killed_by == [late], "once; the request goes on from there"
    assert len(flights) == 1


def test_wait_that_is_over_has_no_limit(clock: Clock) -> None:
    flights = Flights(10)
    flight, greenlet = begun(flights)
    flight.expect(5, lambda: TooSlow("too slow"))
    flight.wait_free()
    clock.now += 600
    flights.sweep()
    assert greenlet.killed_by == []


def test_running_request_is_announced_once(clock: Clock) -> None:
    flights = Flights(10)
    flight, _ = begun(flights)
    said: list[int] = []
    flight.announce = lambda: said.append(1)
    flights.sweep()
    flights.sweep()
    assert said == [1]


def test_drain_lets_requests_end_and_then_cuts_them(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    flights = Flights(10)
    stopping = False
    flights.is_stopping = lambda: stopping
    first, ended = begun(flights)
    _, cut = begun(flights)
    flights.sweep()
    assert not flights.is_draining
    stopping = True
    assert flights.is_draining
    with caplog.at_level(logging.INFO):
        flights.sweep()
        clock.now += 9.9
        flights.sweep()
        flights.end(first)
        clock.now += 0.2
        flights.sweep()
    assert (ended.killed_by, cut.killed_by, flights.cut, len(flights)) == ([], [Landed], 1, 0)
    assert "draining: 2 requests are running" in caplog.text
    assert "1 requests are cut" in caplog.text


def test_draining_worker_closes_to_new_requests_a_little_later(clock: Clock) -> None:
    """Until its listener is closed, connections come to it that no other worker can take."""
    flights = Flights(10)
    flights.is_stopping = lambda: True
    assert not flights.is_closed
    flights.sweep()
    clock.now += 1
    assert not flights.is_closed
    clock.now += 1
    assert flights.is_closed


def test_drain_closes_idle_connections_but_those_that_watch_it(clock: Clock) -> None:
    flights = Flights(10)
    asked: list[tuple[str, ...]] = []
    flights.close_idle = asked.append
    flight, _ = begun(flights)
    flights.sweep()
    assert asked == []
    flights.is_stopping = lambda: True
    flights.sweep()
    flights.end(flight)
    flights.sweep()
    assert asked == [("/health", "/health/ready"), ()]
