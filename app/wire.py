"""HTTP/1.1 as the proxy speaks it to upstreams: write a request head, read an answer's head and framing (RFC 9112).

Bytes in, bytes out, no I/O. Nothing is normalised: what the upstream sent is what comes out, less the framing.
"""

import re
from functools import lru_cache

from app.values import Headers

_BODILESS = frozenset({204, 304})
_WITH_LENGTH = frozenset({"POST", "PUT", "PATCH"})
_MAX_CHUNK_LINE = 4096
_MAX_KNOWN_NAMES = 4096
_CRLF = b"\r\n"
_CONTROLS = bytes([*range(9), *range(10, 32), 127])
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class WireError(Exception):
    """The peer does not speak HTTP/1.1 or broke off."""


def request_head(method: str, target: str, host: str, headers: Headers, length: int) -> bytes:
    """Return the head of a request. `headers` holds neither host nor framing. Raises ValueError on CR, LF or NUL."""
    lines = [f"{method} {target} HTTP/1.1\r\nhost: {host}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in headers]
    if length or method in _WITH_LENGTH:
        lines.append(f"content-length: {length}\r\n")
    text = "".join(lines)
    breaks = len(headers) + 2 + (len(lines) > len(headers) + 1)
    if text.count("\n") != breaks or text.count("\r") != breaks or "\0" in text:
        raise ValueError("a header field or the request target holds a line break or NUL")
    return text.encode("latin-1") + b"\r\n"


def parse_head(head: bytes) -> tuple[int, Headers, bool]:
    """Split the head of an answer (without its empty line) into status, header fields and whether it is HTTP/1.0.

    Raises WireError on what could mean one thing here and another one to the client.
    """
    if len(head) - len(head.translate(None, _CONTROLS)) != 2 * head.count(b"\r\n"):
        raise WireError("its answer has a control character among its header fields")
    lines = head.decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    code = rest[:3]
    if not version.startswith("HTTP/1.") or not (code.isascii() and code.isdigit() and len(code) == 3):
        raise WireError(f"its answer is no HTTP/1.1: {lines[0][:60]!r}")
    fields: list[tuple[str, str]] = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name[-1] in " \t":
            if line[:1] in " \t" and fields and line:
                fields[-1] = (fields[-1][0], f"{fields[-1][1]} {line.strip()}")
                continue
            raise WireError(f"its answer has a malformed header field: {line[:40]!r}")
        if name not in _known_names:
            _learn(name)
        fields.append((name, value.strip(" \t")))
    return int(code), tuple(fields), version == "HTTP/1.0"


_known_names: set[str] = set()


def _learn(name: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise WireError(f"its answer has a malformed name of a header field: {name[:40]!r}")
    if len(_known_names) < _MAX_KNOWN_NAMES:
        _known_names.add(name)


class BodyReader:
    """Takes the framing off one answer's body, incrementally.

    `is_complete`: the body is whole. `may_reuse`: the connection is clean for the next request.
    """

    __slots__ = ("_buffer", "_chunk_left", "_in_trailers", "_left", "_until_close", "is_complete", "may_reuse")

    def __init__(self, method: str, status: int, headers: Headers, is_http10: bool = False) -> None:
        length, chunked, close = _framing(headers)
        self.may_reuse = not close and not is_http10
        self.is_complete = False
        self._buffer = b""
        self._chunk_left: int | None = None
        self._in_trailers = False
        self._left: int | None = None
        self._until_close = False
        if method == "HEAD" or status in _BODILESS:
            self.is_complete = True
        elif chunked:
            self._chunk_left = 0
        elif length is not None:
            self._left = length
            self.is_complete = length == 0
        else:
            self._until_close = True
            self.may_reuse = False

    def feed(self, data: bytes) -> bytes:
        """Return the body bytes within `data`. Raises WireError on broken framing."""
        if self._until_close:
            return data
        if self._left is not None:
            if len(data) > self._left:
                self.may_reuse = False
                data = data[: self._left]
            self._left -= len(data)
            self.is_complete = self._left == 0
            return data
        return self._chunks(data)

    def feed_eof(self) -> None:
        """Note the end of the connection. Raises WireError when the body was not whole."""
        if not self._until_close:
            missing = f", {self._left} bytes short" if self._left else ""
            raise WireError(f"connection closed before the end of the body{missing}")
        self.is_complete = True

    def _chunks(self, data: bytes) -> bytes:
        """De-chunk: usually one read holds whole chunks, so the common path copies each payload byte once."""
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        pieces: list[bytes] = []
        at, size = 0, len(data)
        left = self._chunk_left or 0
        while at < size:
            if not left and not self._in_trailers:
                at = _take_whole(data, at, pieces)
                if at == size:
                    break
            if left:
                part = data[at : at + left]
                pieces.append(_payload(part, left))
                at += len(part)
                left -= len(part)
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                if size - at > _MAX_CHUNK_LINE:
                    raise WireError("its chunk header is too long")
                self._buffer = data[at:]
                break
            if self._in_trailers:
                if end == at:
                    self.is_complete = True
                    self.may_reuse = self.may_reuse and end + 2 == size
                    break
            else:
                length = _chunk_size(data[at:end])
                left = length + 2 if length else 0
                self._in_trailers = length == 0
            at = end + 2
        self._chunk_left = left
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _payload(part: bytes, left: int) -> bytes:
    """Return what is payload of a part of a chunk; `left` counts from its start to behind the CRLF of the chunk."""
    payload = min(len(part), max(0, left - 2))
    if part[payload:] != _CRLF[2 - left + payload :][: len(part) - payload]:
        raise WireError("a chunk of its body is longer than it says")
    return part[:payload]


def _framing(headers: Headers) -> tuple[int | None, bool, bool]:
    """Return (content length, is chunked, connection closes)."""
    length: int | None = None
    codings = ""
    close = False
    for name, value in headers:
        lower = name.lower()
        if lower == "content-length":
            is_number = value.isascii() and value.isdigit() and len(value) < 19
            if not is_number or (length is not None and length != int(value)):
                raise WireError(f"its content-length is unusable: {value[:40]!r}")
            length = int(value)
        elif lower == "transfer-encoding":
            codings += "," + value.lower()
        elif lower == "connection":
            close = close or "close" in value.lower()
    if codings and (codings.strip(", \t") != "chunked" or length is not None):
        raise WireError(f"its transfer-encoding is unusable: {codings[1:41]!r}")
    return length, bool(codings), close


def _take_whole(data: bytes, at: int, pieces: list[bytes]) -> int:
    """Add the payloads of the chunks that lie whole in `data` from `at` on; return where the first other one begins."""
    while True:
        end = data.find(b"\r\n", at, at + 10)
        if end <= at:
            return at
        length = _known_chunk_size(data[at:end])
        after = end + length + 4
        if not length or after > len(data) or not data.startswith(_CRLF, after - 2):
            return at
        pieces.append(data[end + 2 : after - 2])
        at = after


@lru_cache(maxsize=4096)
def _known_chunk_size(line: bytes) -> int:
    return _chunk_size(line)


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 15 or digits.strip(b"0123456789abcdefABCDEF"):
        raise WireError(f"its chunk size is unusable: {line[:40]!r}")
    return int(digits, 16)
