"""The terminal as a screen."""

import os
import pty
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.cli.screen import Screen, open_screen

ENTERED, LEFT = "\x1b[?1049h\x1b[?25l\x1b[2J", "\x1b[?25h\x1b[?1049l"


class Terminal:
    """Both ends of a terminal: `outer` is the one where a person sits."""

    def __init__(self, outer: int, inner: int) -> None:
        self.outer = outer
        self.inner = inner
        self.has_keyboard = True

    @property
    def state(self) -> list[object]:
        return termios.tcgetattr(self.inner)

    def shown(self, end: str) -> str:
        """Return what came, up to an end; a terminal hands on what it gets piece by piece."""
        text = ""
        while not text.endswith(end):
            text += os.read(self.outer, 65_536).decode()
        return text

    def type(self, keys: str) -> None:
        os.write(self.outer, keys.encode())

    @contextmanager
    def screen(self) -> Iterator[Screen]:
        """Make it the standard input and output, and open the screen there."""
        place = os.ttyname(self.inner)
        keyboard = place if self.has_keyboard else os.devnull
        with pytest.MonkeyPatch.context() as patch, open(place, "w") as out, open(keyboard) as given:
            patch.setattr(sys, "stdin", given)
            patch.setattr(sys, "stdout", out)
            with open_screen() as screen:
                yield screen


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    outer, inner = pty.openpty()
    yield Terminal(outer, inner)
    os.close(inner)
    os.close(outer)


def test_terminal_is_left_as_it_was_found(terminal: Terminal) -> None:
    before, handlers = terminal.state, [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTSTP)]
    with terminal.screen():
        assert terminal.state != before
        assert terminal.shown(ENTERED) == ENTERED
    assert terminal.state == before
    assert terminal.shown(LEFT) == LEFT
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTSTP)] == handlers


def test_terminal_is_given_back_when_something_fails(terminal: Terminal) -> None:
    before = terminal.state
    with pytest.raises(RuntimeError), terminal.screen():
        raise RuntimeError
    assert terminal.state == before
    assert terminal.shown(LEFT) == ENTERED + LEFT


def test_every_line_takes_the_place_of_what_was_there(terminal: Terminal) -> None:
    with terminal.screen() as screen:
        terminal.shown(ENTERED)
        screen.draw(["one", "two"])
        drawn = "\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J"
        assert terminal.shown("\x1b[J") == drawn


@pytest.mark.parametrize(("keys", "is_ended"), [("q", True), ("xQ", True), ("x", False), ("\x04", True)])
def test_some_keys_end_it_and_others_only_end_the_wait(terminal: Terminal, keys: str, is_ended: bool) -> None:
    with terminal.screen() as screen:
        terminal.type(keys)
        screen.wait(60)
        assert screen.is_ended == is_ended


@pytest.mark.parametrize(
    ("number", "is_ended"),
    [(signal.SIGINT, True), (signal.SIGTERM, True), (signal.SIGHUP, True), (signal.SIGWINCH, False)],
)
def test_signals_end_the_wait_and_most_of_them_the_screen(
    terminal: Terminal, number: signal.Signals, is_ended: bool
) -> None:
    with terminal.screen() as screen:
        os.kill(os.getpid(), number)
        screen.wait(60)
        assert screen.is_ended == is_ended


def test_screen_without_a_keyboard_waits_all_the_same(terminal: Terminal) -> None:
    terminal.has_keyboard = False
    with terminal.screen() as screen:
        screen.wait(0)
        assert not screen.is_ended
