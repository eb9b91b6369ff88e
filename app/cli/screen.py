"""The terminal as a screen: drawn again and again on its alternate page, and left as it was found."""

import os
import select
import shutil
import signal
import socket
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LEAVING_KEYS = (b"q", b"Q", b"\x03", b"\x04")


class Screen:
    """A terminal while it is a screen. Make it by `open_screen`."""

    def __init__(self, woken: socket.socket) -> None:
        self._woken = woken
        self._input = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._before: list[Any] | None = None
        self.is_ended = False
        """Somebody wants it to end."""

    @property
    def size(self) -> tuple[int, int]:
        """Its columns and lines now."""
        found = shutil.get_terminal_size()
        return found.columns, found.lines

    def draw(self, lines: Sequence[str]) -> None:
        """Show lines in place of what is there; they must fit."""
        _write("\x1b[H" + "\x1b[K\n".join(lines) + "\x1b[K\x1b[J")

    def wait(self, seconds: float) -> None:
        """Wait, or until a key is pressed, the window changes its size or the end is near."""
        sources = [self._woken] if self._input is None else [self._woken, self._input]
        ready, _, _ = select.select(sources, [], [], seconds)
        if self._woken in ready:
            numbers = self._woken.recv(64)
            self.is_ended |= any(number in _ENDING for number in numbers)
        if self._input in ready:
            keys = os.read(self._input, 64) if self._input is not None else b""
            self.is_ended |= not keys or any(key in keys for key in _LEAVING_KEYS)

    def enter(self) -> None:
        """Take the terminal: another page, no cursor, no echo."""
        if self._input is not None:
            self._before = termios.tcgetattr(self._input)
            tty.setcbreak(self._input)
        _write(_ENTER)

    def leave(self) -> None:
        """Give the terminal back as it was."""
        _write(_LEAVE)
        if self._input is not None and self._before is not None:
            termios.tcsetattr(self._input, termios.TCSADRAIN, self._before)


@contextmanager
def open_screen() -> Iterator[Screen]:
    """Make the terminal a screen for as long as the block runs; also a stop by Ctrl-Z gives it back meanwhile."""
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    screen = Screen(woken)

    def stop(_number: int, _frame: FrameType | None) -> None:
        screen.leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        screen.enter()

    handlers = {**dict.fromkeys((*_ENDING, signal.SIGWINCH), _note), signal.SIGTSTP: stop}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    old = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    screen.enter()
    try:
        yield screen
    finally:
        screen.leave()
        signal.set_wakeup_fd(old)
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        woken.close()
        waker.close()


def _note(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the number is read where the screen waits."""


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
