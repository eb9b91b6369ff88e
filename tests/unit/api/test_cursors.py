"""Cursors come back as they went, and nothing else is one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.api import cursors
from app.errors import InvalidInput


@given(some.integers(0, (1 << 63) - 1), some.text(some.characters(codec="utf-8", exclude_categories=("C", "Z"))))
def test_cursor_comes_back(number: int, text: str) -> None:
    try:
        assert cursors.read(cursors.written(number, text), int, str) == (number, text)
    except InvalidInput:
        assert not text.isprintable()


def test_no_cursor_is_the_first_page() -> None:
    assert cursors.read(None, int) is None


@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("!", id="no base64"),
        pytest.param("AAAA", id="no JSON"),
        pytest.param(base64.b64encode(b"[1,2]").decode(), id="too many parts"),
        pytest.param(base64.b64encode(b'["a"]').decode(), id="other kind"),
        pytest.param(base64.b64encode(b"[true]").decode(), id="switch"),
        pytest.param(base64.b64encode(b"[-1]").decode(), id="negative"),
        pytest.param(base64.b64encode(b"[9223372036854775808]").decode(), id="too large"),
        pytest.param(base64.b64encode(b"{}").decode(), id="object"),
        pytest.param("ä", id="not ASCII"),
    ],
)
def test_other_text_is_no_cursor(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        cursors.read(cursor, int)
