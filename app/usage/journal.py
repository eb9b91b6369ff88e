"""The journal: an append-only file per worker that holds finished records until the database has them.

Frame: `<II` length and CRC-32 of the payload, then the payload: `<I` length of the JSON head, the head, a blob.
A frame is one write to the page cache, so it survives the death of the worker, though not of the machine.
"""

import errno
import fcntl
import json
import logging
import os
import secrets
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FRAME = struct.Struct("<II")
_HEAD = struct.Struct("<I")
_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_SUFFIX = ".journal"
_ROTATE_BYTES = 16 * 1024 * 1024
_MAX_FRAME_BYTES = 64 * 1024 * 1024
_BACKLOG = 10_000
_BACKLOG_BYTES = 64 * 1024 * 1024
"""When so much waits in memory, further records wait without their bodies: a worker without memory would lose all."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One record read back: its JSON head, its blob, and the offset behind it."""

    head: dict[str, Any]
    blob: bytes
    end: int


def encode(head: dict[str, Any], blob: bytes = b"") -> bytes:
    """Return the frame of one record."""
    text = _JSON.encode(head).encode("utf-8", "replace")
    payload = b"".join((_HEAD.pack(len(text)), text, blob))
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def decode(data: bytes, offset: int = 0) -> Iterator[Entry]:
    """Yield the whole frames of `data`, which begins at file position `offset`; stop at a torn or foreign one."""
    at = 0
    while at + _FRAME.size <= len(data):
        length, checksum = _FRAME.unpack_from(data, at)
        end = at + _FRAME.size + length
        if length < _HEAD.size or length > _MAX_FRAME_BYTES or end > len(data):
            return
        payload = data[at + _FRAME.size : end]
        if zlib.crc32(payload) != checksum:
            return
        (size,) = _HEAD.unpack_from(payload)
        head = json.loads(payload[_HEAD.size : _HEAD.size + size])
        yield Entry(head, payload[_HEAD.size + size :], offset + end)
        at = end


class Journal:
    """The journal of this worker. Never raises: what cannot be written waits in memory for the next write."""

    def __init__(self, directory: Path, *, rotate_bytes: int = _ROTATE_BYTES) -> None:
        self.worker = f"{os.getpid()}-{secrets.token_hex(6)}"
        """Names this worker in file names and in the rows of requests that it still runs."""
        self._directory = directory
        self._rotate_bytes = rotate_bytes
        self._serial = 0
        self._descriptor: int | None = None
        self._written = 0
        self._backlog: deque[bytes] = deque()
        self._most_waiting = 0
        self.lost = 0
        """Records dropped because the disk refused them for so long that the backlog was full."""

    def append(self, head: dict[str, Any], blob: bytes = b"") -> None:
        """Write one record; when the disk refuses, keep it and try again with the next one."""
        frame = encode(head, blob)
        if len(frame) - _FRAME.size > _MAX_FRAME_BYTES:
            log.warning(
                "a record of %d bytes is too large for the journal and is written without its bodies", len(frame)
            )
            frame = encode(head)
        if self._backlog or not self._write(frame):
            if sum(map(len, self._backlog)) + len(frame) > _BACKLOG_BYTES:
                frame = encode(head)
            if len(self._backlog) >= _BACKLOG:
                self._backlog.popleft()
                self._lose()
            self._backlog.append(frame)
            self._most_waiting = max(self._most_waiting, len(self._backlog))
            self.flush()

    @property
    def waiting(self) -> int:
        """How many records wait in memory because the disk refuses them."""
        return len(self._backlog)

    def flush(self) -> bool:
        """Write what waits in memory; return whether nothing waits any more."""
        while self._backlog:
            if not self._write(self._backlog[0]):
                return False
            self._backlog.popleft()
        if self._most_waiting:
            log.warning("the journal is written again; up to %d records waited in memory", self._most_waiting)
            self._most_waiting = 0
        return True

    def beat(self) -> None:
        """Show by the time of the file that this worker lives: what it runs is taken to end then if it is killed."""
        if self._descriptor is not None:
            os.utime(self._descriptor)

    def take(self) -> list[bytes]:
        """Return the frames of the records that wait, for somebody else to keep."""
        frames = list(self._backlog)
        self._backlog.clear()
        return frames

    def close(self) -> None:
        """Write what waits and let go of the file, so that the ingester may finish and remove it."""
        self.flush()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _write(self, frame: bytes) -> bool:
        try:
            if self._descriptor is None:
                self._open()
            descriptor = self._descriptor
            assert descriptor is not None
            done = os.write(descriptor, frame)
            if done != len(frame):
                # A torn frame would hide every later one: cut it off again before anything else is written.
                os.ftruncate(descriptor, self._written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._written += done
        except OSError as exc:
            if not self._backlog:  # Told once: until it is over, each record and each look tries again.
                log.error(
                    "the journal cannot be written (%s); records wait in memory until it can, beyond %d MB without "
                    "their bodies",
                    exc,
                    _BACKLOG_BYTES >> 20,
                )
            return False
        if self._written >= self._rotate_bytes:
            self._rotate(descriptor)
        return True

    def _lose(self) -> None:
        self.lost += 1
        if self.lost == 1:
            log.error("%d records wait in memory, which is the most: from now on the oldest are lost", _BACKLOG)

    def _rotate(self, full: int) -> None:
        """Go on in a new file; it is there before the full one is let go of, or this worker would seem to be gone."""
        try:
            self._open()
        except OSError:
            return  # The full one will do for now.
        os.close(full)

    def _open(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._serial += 1
        path = self._directory / f"{self.worker}.{self._serial:06d}{_SUFFIX}"
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        # Locked before it gets its name: a journal that nobody holds is taken for a dead worker's and removed.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rename(draft, path)
        self._descriptor, self._written = descriptor, 0


def journals(directory: Path) -> list[Path]:
    """Return the journal files of a directory, oldest first."""
    found = []
    for path in directory.glob(f"*{_SUFFIX}"):
        try:
            found.append((path.stat().st_mtime_ns, path))
        except FileNotFoundError:
            continue
    return [path for _, path in sorted(found)]


def worker_of(path: Path) -> str:
    """Return the worker that a journal file belongs to."""
    return path.name.split(".", 1)[0]


def is_abandoned(path: Path) -> bool:
    """Whether no living worker writes to this journal any more."""
    with open(path, "rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
