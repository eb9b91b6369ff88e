"""The bounded copy of a body: whole below its limit, its beginning above it, whatever the pieces."""

from hypothesis import given
from hypothesis import strategies as st

from app.usage.capture import Capture, join


@given(st.lists(st.binary(max_size=90_000), max_size=5), st.integers(0, 200_000))
def test_beginning_is_kept_and_the_rest_counted(pieces: list[bytes], limit: int) -> None:
    capture = Capture(limit)
    for piece in pieces:
        capture.add(piece)
    whole = b"".join(pieces)
    assert join(*capture.parts()) == whole[:limit]
    assert capture.dropped == max(0, len(whole) - limit)
    assert join(*capture.parts()) == whole[:limit], "asking twice changes nothing"


def test_long_body_is_compressed_while_it_passes() -> None:
    capture = Capture(1 << 24)
    for _ in range(100):
        capture.add(b"data: the same line again\n\n" * 500)
    assert sum(map(len, capture.parts()[0])) < 100_000
