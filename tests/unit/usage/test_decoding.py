"""Content codings: every coding, every chunking, several members, cuts and bombs."""

import gzip
import zlib
from collections.abc import Callable
from contextlib import suppress

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.forwarding import READABLE_CODINGS
from app.usage.decoding import MAX_PIECE_BYTES, NotDecodable, codings, decode, decoder, zstd

TEXT = b'event: message_start\ndata: {"type": "message_start"}\n\n' * 200


def raw_deflate(data: bytes) -> bytes:
    compress = zlib.compressobj(wbits=-15)
    return compress.compress(data) + compress.flush()


ENCODE: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "GZIP": ("GZIP", gzip.compress),
    "gzip members": ("gzip", lambda data: gzip.compress(data[:100]) + gzip.compress(data[100:])),
    "gzip padding": ("gzip", lambda data: gzip.compress(data) + bytes(16)),
    "deflate": ("deflate", zlib.compress),
    "deflate best": ("deflate", lambda data: zlib.compress(data, 9)),
    "deflate raw": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "zstd frames": ("zstd", lambda data: zstd.compress(data[:100]) + zstd.compress(data[100:])),
    "stacked": ("gzip, br", lambda data: brotli.compress(gzip.compress(data))),
    "three": ("deflate,identity, gzip ,zstd", lambda data: zstd.compress(gzip.compress(zlib.compress(data)))),
    "identity": ("identity", lambda data: data),
    "none": ("", lambda data: data),
}
CASES = [pytest.param(coding, encode, id=name) for name, (coding, encode) in ENCODE.items()]


def fed(coding: str, chunks: list[bytes]) -> bytes:
    stage = decoder(coding)
    return b"".join(chunks) if stage is None else b"".join(piece for chunk in chunks for piece in stage.feed(chunk))


@pytest.mark.parametrize(("coding", "encode"), CASES)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_every_coding_in_every_chunking(coding: str, encode: Callable[[bytes], bytes], size: int) -> None:
    data = encode(TEXT)
    assert fed(coding, [data[at : at + size] for at in range(0, len(data), size)]) == TEXT


@pytest.mark.parametrize(("coding", "encode"), CASES)
def test_empty_body(coding: str, encode: Callable[[bytes], bytes]) -> None:
    assert fed(coding, [encode(b"")]) == b""


@pytest.mark.parametrize(("coding", "encode"), CASES)
def test_large_output_comes_in_bounded_pieces(coding: str, encode: Callable[[bytes], bytes]) -> None:
    stage = decoder(coding)
    if stage is None:
        assert not codings(coding)
        return
    zeros = bytes(5 * MAX_PIECE_BYTES + 3)
    pieces = list(stage.feed(encode(zeros)))
    assert b"".join(pieces) == zeros
    assert max(map(len, pieces)) <= 2 * MAX_PIECE_BYTES


@pytest.mark.parametrize(("coding", "encode"), CASES)
def test_what_a_cut_left_is_decoded(coding: str, encode: Callable[[bytes], bytes]) -> None:
    data = encode(TEXT)
    assert TEXT.startswith(fed(coding, [data[: len(data) // 2]]))


@given(coding=st.sampled_from(["gzip", "deflate", "br", "zstd", "gzip, br", "zstd, deflate"]), junk=st.binary())
def test_junk_is_decoded_or_refused(coding: str, junk: bytes) -> None:
    with suppress(NotDecodable):
        decode(junk, coding, 1 << 20)


@given(coding=st.sampled_from(["gzip", "deflate", "br", "zstd"]), at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_is_decoded_or_refused(coding: str, at: int, bit: int) -> None:
    data = bytearray(ENCODE[coding][1](TEXT))
    data[at % len(data)] ^= 1 << bit
    with suppress(NotDecodable):
        decode(bytes(data), coding, 1 << 20)


@pytest.mark.parametrize("coding", ["compress", "gzip, rot13", "*", "gzip," * 5 + "gzip"])
def test_an_unknown_coding_is_refused(coding: str) -> None:
    with pytest.raises(NotDecodable, match="content-encoding"):
        decoder(coding)


def test_a_bomb_is_refused_at_the_bound() -> None:
    with pytest.raises(NotDecodable, match="more than 1000 bytes"):
        decode(brotli.compress(bytes(50_000_000)), "br", 1000)


def test_a_body_within_the_bound_is_decoded() -> None:
    assert decode(gzip.compress(TEXT), "gzip", len(TEXT)) == TEXT


def test_everything_called_readable_is() -> None:
    assert all(decoder(coding) is not None or coding == "identity" for coding in READABLE_CODINGS)


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        ("br", brotli.compress(bytes(200_000_000), quality=5)),
        ("zstd", zstd.compress(bytes(200_000_000))),
        ("gzip", gzip.compress(bytes(200_000_000), 9)),
        ("gzip", gzip.compress(b"") * 5000),
        ("zstd", zstd.compress(b"") * 5000),
        ("gzip, br", brotli.compress(gzip.compress(b"") * 5000, quality=5)),
        ("gzip, br", brotli.compress(gzip.compress(b"") + bytes(200_000_000), quality=5)),
    ],
    ids=["br", "zstd", "gzip", "members", "frames", "members inside", "padding inside"],
)
def test_a_bomb_is_given_up_early(coding: str, bomb: bytes) -> None:
    stage = decoder(coding)
    assert stage is not None
    made: list[int] = []
    with pytest.raises(NotDecodable):
        made.extend(map(len, stage.feed(bomb)))
    assert sum(made) <= 20_000_000 + 256 * len(bomb)


def test_a_text_that_repeats_itself_a_lot_is_no_bomb() -> None:
    text = b"".join(b'event: ping\ndata: {"at": %d}\n\n' % at for at in range(1_000_000))
    packed = gzip.compress(text)
    assert fed("gzip", [packed[at : at + 1000] for at in range(0, len(packed), 1000)]) == text
