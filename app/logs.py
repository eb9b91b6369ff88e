"""Log lines: one line an event, no secret in any of them, one size-capped file that all workers share."""

import fcntl
import json
import logging
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO, Literal, TextIO

from app.redaction import redact
from config import Settings

FILE_MAX_BYTES = 10 * 1024**2
FILES_KEPT = 5
PART_MAX_CHARS = 8 * 1024
"""How much of a message, and of a traceback, is kept."""

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_OURS = "ccflare"


def log_path(settings: Settings) -> Path:
    """Return the file that all workers write to."""
    return settings.data_dir / "logs" / "ccflare.log"


def configure(settings: Settings, door: Literal["server", "cli"] = "server", stream: TextIO | None = None) -> None:
    """Send every logger through the redaction: the server to stderr and the log file, the CLI's warnings to stderr.

    May be called again; it replaces what it set up before and leaves foreign handlers of the root logger alone.
    """
    formatter = _JsonFormatter() if settings.log_format == "json" else _TextFormatter()
    handlers: list[logging.Handler] = [logging.StreamHandler(stream or sys.stderr)]
    if door == "server":
        handlers.append(SharedFileHandler(log_path(settings)))
    else:
        handlers[0].setLevel(logging.WARNING)
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if handler.name == _OURS]:
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        handler.set_name(_OURS)
        handler.setFormatter(formatter)
        handler.addFilter(_redact_record)
        root.addHandler(handler)
    root.setLevel(_LEVELS[settings.log_level])
    if door == "server":
        logging.captureWarnings(capture=True)
        for name in ("gunicorn.error", "gunicorn.access"):
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True


def _redact_record(record: logging.LogRecord) -> bool:
    """Filter for every handler: clean the message, its arguments, the traceback and the stack, once."""
    if getattr(record, "is_redacted", False):
        return True
    try:
        message = record.getMessage()
    except Exception as exc:  # noqa: BLE001 - a log line never fails the one who wrote it, whatever its arguments do
        message = f"{record.msg} (arguments cannot be shown: {type(exc).__name__})"
    record.msg, record.args = redact(message), None
    if record.exc_info and not record.exc_text:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    record.exc_text = redact(record.exc_text) if record.exc_text else None
    record.stack_info = redact(record.stack_info) if record.stack_info else None
    record.is_redacted = True
    return True


def _moment(record: logging.LogRecord) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z"


def _traces(record: logging.LogRecord) -> str:
    """Return traceback and stack; of very long ones the end, which names the error."""
    return "\n".join(part for part in (record.exc_text, record.stack_info) if part)[-PART_MAX_CHARS:]


class _TextFormatter(logging.Formatter):
    """`time LEVEL logger [request id] message`; lines of a traceback follow indented."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()[:PART_MAX_CHARS]
        if not message.isprintable():
            message = message.encode("unicode_escape").decode("ascii")
        mark = f" [{request_id}]" if (request_id := getattr(record, "request_id", None)) else ""
        line = f"{_moment(record)} {record.levelname:<7} {record.name}{mark} {message}"
        traces = _traces(record)
        return f"{line}\n    {traces.replace(chr(10), chr(10) + '    ')}" if traces else line


class _JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "at": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage()[:PART_MAX_CHARS],
        }
        if request_id := getattr(record, "request_id", None):
            event["request_id"] = str(request_id)
        if traces := _traces(record):
            event["trace"] = traces
        return json.dumps(event, ensure_ascii=False)


class SharedFileHandler(logging.Handler):
    """Append to one file from any number of processes and rotate it when it is full.

    A line is one `write` to a file opened for appending, so lines never mix. A full file is renamed by the one
    process that gets the lock; the others see at their next line that theirs is full and move to the new one.
    """

    def __init__(self, path: Path, max_bytes: int = FILE_MAX_BYTES, kept: int = FILES_KEPT) -> None:
        super().__init__()
        self.path = path
        self._max_bytes = max_bytes
        self._kept = kept
        self._fd: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{self.format(record)}\n".encode("utf-8", "backslashreplace")
        with suppress(OSError):  # a full disk must not stop the proxy; stderr has the line as well
            fd = self._open() if self._fd is None else self._fd
            state = os.fstat(fd)
            if state.st_size + len(line) > self._max_bytes or not state.st_nlink:
                fd = self._next_file(state)
            os.write(fd, line)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        super().close()

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._fd

    def _next_file(self, mine: os.stat_result) -> int:
        """Rotate unless another process did or does, and return the file to write to."""
        lock = os.open(self.path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                current = self.path.stat()
                if (current.st_dev, current.st_ino) == (mine.st_dev, mine.st_ino):
                    self._shift()
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None
            return self._open()
        except BlockingIOError:
            return self._fd if self._fd is not None else self._open()
        finally:
            os.close(lock)

    def _shift(self) -> None:
        for number in range(self._kept - 1, 0, -1):
            with suppress(FileNotFoundError):
                _numbered(self.path, number - 1).replace(_numbered(self.path, number))


def tail(path: Path, last: int) -> list[str]:
    """Return the last lines, oldest first; reaches back into files that were rotated away."""
    with closing(Follower(path, last)) as follower:
        return follower.read()[-last:] if last > 0 else []


def follow(path: Path, last: int = 0, poll_s: float = 0.25) -> Iterator[str]:
    """Yield the last lines and then each new one as it is written, for ever, across rotations."""
    with closing(Follower(path, last)) as follower:
        while True:
            lines = follower.read()
            yield from lines
            if not lines:
                time.sleep(poll_s)


class Follower:
    """A place in the log that moves on: each `read` returns the lines since the last one, the first one `last` more,
    or those since the `place` of an earlier follower."""

    def __init__(self, path: Path, last: int = 0, place: str | None = None) -> None:
        self._path = path
        self._waiting: list[str] = []
        self._unfinished = b""
        self._file = self._opened()
        if place is not None:
            self._return_to(place)
            return
        if self._file is not None:
            lines, self._unfinished = _end_of(self._file, last)
            self._waiting = lines[-last:] if last > 0 else []
        number = 1
        while len(self._waiting) < last and (older := _numbered(path, number)).exists():
            with suppress(FileNotFoundError), older.open("rb") as file:
                self._waiting = _end_of(file, last)[0][len(self._waiting) - last :] + self._waiting
            number += 1

    def read(self) -> list[str]:
        """Return the complete new lines; never waits."""
        lines, self._waiting = self._waiting, []
        lines += self._grown()
        if self._is_behind():
            lines += self._grown()  # what came between the look at the file and the rotation
            if self._file is not None:
                self._file.close()
            self._file, self._unfinished = self._opened(), b""
            lines += self._grown()
        return lines

    @property
    def place(self) -> str:
        """Where the next line begins: the file's number and the position in it."""
        file = self._file
        return f"{os.fstat(file.fileno()).st_ino}-{file.tell() - len(self._unfinished):x}" if file else ""

    def _return_to(self, place: str) -> None:
        """Go on at a place; of one in no file that is kept, at the end."""
        match = re.fullmatch(r"(\d{1,20})-([0-9a-f]{1,12})", place)
        holder = _number_of(self._path, int(match[1])) if match else None
        start = int(match[2], 16) if match else 0
        if self._file is not None and not holder:
            self._file.seek(start if holder == 0 else 0, os.SEEK_END if holder is None else os.SEEK_SET)
        for number in range(holder or 0, 0, -1):
            with suppress(OSError), _numbered(self._path, number).open("rb") as file:
                file.seek(start if number == holder else 0)
                self._waiting += _split(file.read())[0]

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> BinaryIO | None:
        try:
            return self._path.open("rb")
        except OSError:
            return None

    def _is_behind(self) -> bool:
        try:
            current = self._path.stat()
        except OSError:
            return False
        if self._file is None:
            return True
        mine = os.fstat(self._file.fileno())
        return (mine.st_dev, mine.st_ino) != (current.st_dev, current.st_ino) or mine.st_size < self._file.tell()

    def _grown(self) -> list[str]:
        if self._file is None:
            return []
        lines, self._unfinished = _split(self._unfinished + self._file.read())
        return lines


def _split(data: bytes) -> tuple[list[str], bytes]:
    *complete, unfinished = data.split(b"\n")
    return [line.decode("utf-8", "replace") for line in complete], unfinished


def _end_of(file: BinaryIO, last: int) -> tuple[list[str], bytes]:
    """Return at least the last lines of a file, if it has as many, and the unfinished one; leaves it at its end."""
    position = end = file.seek(0, os.SEEK_END)
    data, step = b"", 64 * 1024
    while position > 0 and data.count(b"\n") <= last:
        start = max(0, position - step)
        file.seek(start)
        data = file.read(position - start) + data
        position, step = start, step * 2
    file.seek(end)
    return _split(data)


def _number_of(path: Path, inode: int) -> int | None:
    for number in range(FILES_KEPT):
        with suppress(OSError):
            if _numbered(path, number).stat().st_ino == inode:
                return number
    return None


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path
