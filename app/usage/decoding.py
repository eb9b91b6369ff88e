"""Content codings, decoded piece by piece in bounded memory: a copy of what went over the wire, for the meter."""

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


MAX_PIECE_BYTES = 1 << 20
"""About the largest piece that a decoder hands out at once (br: twice as much), however small the input was."""

_SLICE_BYTES = 65536
_MAX_RATIO = 256
_MOST_AHEAD_BYTES = 16 << 20
"""What may be decoded beyond `_MAX_RATIO` times the input: enough for what is small and repeats itself, for no bomb."""
_MAX_MEMBERS = 1000
"""Members or frames of one body: each costs a set-up, however little is in it."""


class NotDecodable(Exception):
    """The bytes are not what the content coding promises, or the coding is unknown."""


class Decoder(Protocol):
    """One content coding, undone incrementally."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` decodes to, in bounded pieces. Raises NotDecodable."""
        ...


def codings(content_encoding: str) -> tuple[str, ...]:
    """Return the codings of a header value in the order in which they were applied, without `identity`."""
    if not content_encoding:
        return ()
    names = (name.strip().lower() for name in content_encoding.split(","))
    return tuple(name for name in names if name and name != "identity")


def decoder(content_encoding: str) -> Decoder | None:
    """Return the decoder for a `Content-Encoding`, None where nothing is encoded. Raises NotDecodable."""
    stages = codings(content_encoding)
    if not stages:
        return None
    if len(stages) > 4 or any(name not in _CODINGS for name in stages):
        raise NotDecodable(f"content-encoding {content_encoding!r} is not known")
    work = _Work()
    chain = [_CODINGS[name](work) for name in reversed(stages)]
    return _Bounded(chain[0] if len(chain) == 1 else _Chain(chain), work)


def decode(body: bytes, content_encoding: str, max_bytes: int) -> bytes:
    """Return a whole body decoded. Raises NotDecodable, also when it would be longer than `max_bytes`."""
    coding = decoder(content_encoding)
    if coding is None:
        return body
    decoded = bytearray()
    for piece in coding.feed(body):
        decoded += piece
        if len(decoded) > max_bytes:
            raise NotDecodable(f"the body decodes to more than {max_bytes} bytes")
    return bytes(decoded)


class _Work:
    """What the stages of one body may still do: a little input never makes them busy for long."""

    def __init__(self) -> None:
        self._left = _MOST_AHEAD_BYTES
        self._members = 0

    def earn(self, size: int) -> None:
        """Let input of a size be decoded."""
        self._left = min(_MOST_AHEAD_BYTES, self._left + size * _MAX_RATIO)

    def made(self, piece: bytes) -> bytes:
        """Return a piece that a stage has made. Raises NotDecodable."""
        self._left -= len(piece)
        if self._left < 0:
            raise NotDecodable("it decodes to far more than a text would")
        return piece

    def begin_member(self) -> None:
        """Count another member or frame. Raises NotDecodable."""
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise NotDecodable(f"it has more than {_MAX_MEMBERS} members")


class _Bounded:
    """The stages of one body, fed in slices: what lies behind the end of a member is copied for each of them."""

    def __init__(self, stages: Decoder, work: _Work) -> None:
        self._stages = stages
        self._work = work

    def feed(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), _SLICE_BYTES):
            piece = data[at : at + _SLICE_BYTES]
            self._work.earn(len(piece))
            yield from self._stages.feed(piece)


class _Zlib:
    """gzip with any number of members."""

    def __init__(self, work: _Work) -> None:
        self._work = work
        self._inflate = zlib.decompressobj(31)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inflate.eof:
                if not data.startswith(b"\x1f"):
                    return  # Padding behind the last member is no data.
                self._work.begin_member()
                self._inflate = zlib.decompressobj(31)
            yield from _inflated(self._inflate, data, self._work)
            data = self._inflate.unused_data


class _Deflate:
    """`deflate` as RFC 9110 means it (zlib format), and raw as some servers send it."""

    def __init__(self, work: _Work) -> None:
        self._work = work
        self._inflate: zlib._Decompress | None = None
        self._head = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._inflate is None:
            self._head += data
            if len(self._head) < 2:
                return
            data = self._head
            # A raw stream never begins like this: it would be a stored block with set padding bits.
            is_zlib = data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            self._inflate = zlib.decompressobj(15 if is_zlib else -15)
        if not self._inflate.eof:
            yield from _inflated(self._inflate, data, self._work)


class _Brotli:
    """`br`, RFC 7932."""

    def __init__(self, work: _Work) -> None:
        self._work = work
        self._decompressor = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        process = self._decompressor.process
        try:
            while not self._decompressor.is_finished():
                piece: bytes = process(data, output_buffer_limit=MAX_PIECE_BYTES)
                data = b""
                if piece:
                    yield self._work.made(piece)
                if len(piece) < MAX_PIECE_BYTES and self._decompressor.can_accept_more_data():
                    return
        except brotli.error as exc:
            raise NotDecodable("the bytes are not br") from exc


class _Zstd:
    """`zstd` with any number of frames, RFC 8878."""

    def __init__(self, work: _Work) -> None:
        self._work = work
        self._decompressor = zstd.ZstdDecompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            while True:
                if self._decompressor.eof:
                    if not data:
                        return
                    self._work.begin_member()
                    self._decompressor = zstd.ZstdDecompressor()
                piece = self._decompressor.decompress(data, MAX_PIECE_BYTES)
                if piece:
                    yield self._work.made(piece)
                data = self._decompressor.unused_data if self._decompressor.eof else b""
                if self._decompressor.needs_input and not data:
                    return
        except zstd.ZstdError as exc:
            raise NotDecodable("the bytes are not zstd") from exc


class _Chain:
    """Codings on top of each other, the outermost first."""

    def __init__(self, chain: list[Decoder]) -> None:
        self._outer = chain[0]
        self._inner: Decoder = chain[1] if len(chain) == 2 else _Chain(chain[1:])

    def feed(self, data: bytes) -> Iterator[bytes]:
        for piece in self._outer.feed(data):
            yield from self._inner.feed(piece)


def _inflated(inflate: "zlib._Decompress", data: bytes, work: _Work) -> Iterator[bytes]:
    try:
        while True:
            piece = inflate.decompress(data, MAX_PIECE_BYTES)
            if piece:
                yield work.made(piece)
            data = inflate.unconsumed_tail
            if inflate.eof or (not data and len(piece) < MAX_PIECE_BYTES):
                return
    except zlib.error as exc:
        raise NotDecodable("the bytes are not gzip or deflate") from exc


_CODINGS: dict[str, Callable[[_Work], Decoder]] = {
    "gzip": _Zlib,
    "x-gzip": _Zlib,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
