"""Members of a large object: the same as a JSON parser finds, for any document and any chunking, in bounded memory."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.usage.toplevel import MAX_VALUE_BYTES, TopLevel

NAMES = ["usage", "model", "id", "error"]
KEYS = st.one_of(st.sampled_from([*NAMES, "content", "us\\age", 'usage"', ""]), st.text(max_size=4))
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(['"usage":{"a":1}', "\\", '\\"', '}{"usage":1', ',"usage":2', '\\\\"model":"x"', "]}", "é\u2028"]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=12,
)


def scanned(text: bytes, points: list[int]) -> TopLevel:
    scan = TopLevel(NAMES)
    edges = [0, *sorted(point % (len(text) + 1) for point in points), len(text)]
    for start, end in pairwise(edges):
        scan.feed(text[start:end])
    return scan


@given(
    document=st.dictionaries(KEYS, VALUES, max_size=6),
    escaped=st.booleans(),
    indent=st.sampled_from([None, 0, 2]),
    points=st.lists(st.integers(min_value=0), max_size=10),
)
def test_the_members_are_those_of_a_parser(
    document: dict[str, object], escaped: bool, indent: int | None, points: list[int]
) -> None:
    text = b" \n" + json.dumps(document, ensure_ascii=escaped, indent=indent).encode("utf-8", "surrogatepass") + b"\n"
    scan = scanned(text, points)
    assert scan.is_whole
    assert {name: json.loads(value) for name, value in scan.values.items()} == {
        name: value for name, value in document.items() if name in NAMES
    }


@given(document=st.dictionaries(KEYS, VALUES, max_size=6), cut=st.integers(min_value=1))
def test_a_cut_object_is_not_whole(document: dict[str, object], cut: int) -> None:
    text = json.dumps(document).encode()
    assert not scanned(text[: len(text) - 1 - cut % len(text)], []).is_whole


@given(junk=st.binary(max_size=50), points=st.lists(st.integers(min_value=0), max_size=5))
def test_junk_is_harmless(junk: bytes, points: list[int]) -> None:
    scanned(junk, points)
    scanned(b"{" + junk, points)


@pytest.mark.parametrize("text", [b"[1]", b'"usage"', b"null", b'  ["usage"]{"usage":1}'])
def test_what_is_no_object_has_no_members(text: bytes) -> None:
    scan = scanned(text, [])
    assert not scan.is_object
    assert scan.values == {}


def test_the_last_of_repeated_members_stays() -> None:
    assert scanned(b'{"id":1,"usage":{"a":1},"id":"2"}', [9]).values == {"id": b'"2"', "usage": b'{"a":1}'}


def test_a_name_may_be_written_with_escapes() -> None:
    assert scanned(b'{"us\\u0061ge":{"a":1}}', []).values == {"usage": b'{"a":1}'}


def test_what_follows_the_end_is_ignored() -> None:
    assert scanned(b'{"id":1}{"id":2}', [3, 8]).values == {"id": b"1"}


def test_a_huge_value_counts_as_absent_and_is_not_kept() -> None:
    scan = TopLevel(NAMES)
    scan.feed(b'{"id":1,"usage":"')
    for _ in range(100):
        scan.feed(b"x" * 10_000)
        assert scan._kept is not None
        assert len(scan._kept) <= 2 * MAX_VALUE_BYTES + 2
    scan.feed(b'","model":"m"}')
    assert scan.values == {"id": b"1", "model": b'"m"'}
