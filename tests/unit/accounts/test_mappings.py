"""Model mappings as people write them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.candidates import read_mappings
from app.accounts.mappings import checked_mappings, parse_mappings
from app.errors import InvalidInput

NAMES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="=,"), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        pytest.param((), {}, id="none"),
        pytest.param(("opus=glm-5",), {"opus": ("glm-5",)}, id="one"),
        pytest.param(("opus=a", "opus=b"), {"opus": ("a", "b")}, id="repeated"),
        pytest.param(("opus=a,b", "haiku=c"), {"opus": ("a", "b"), "haiku": ("c",)}, id="by comma"),
        pytest.param(("opus=",), {"opus": ()}, id="not served"),
        pytest.param((" opus = openai/gpt-5 ",), {"opus": ("openai/gpt-5",)}, id="blanks"),
        pytest.param(("a=b=c",), {"a": ("b=c",)}, id="first equals sign"),
    ],
)
def test_pairs_become_targets_in_order(pairs: tuple[str, ...], expected: dict[str, tuple[str, ...]]) -> None:
    assert parse_mappings(pairs) == expected


@pytest.mark.parametrize("pair", ["opus", "=a", "", " =x"])
def test_what_is_no_pair_is_refused(pair: str) -> None:
    with pytest.raises(InvalidInput, match="FROM=TO"):
        parse_mappings([pair])


@pytest.mark.parametrize(
    "mappings",
    [
        pytest.param({"opus": ("a b",)}, id="blank"),
        pytest.param({"opus": ("b=c",)}, id="equals sign"),
        pytest.param({"": ("a",)}, id="no model"),
        pytest.param({"opus": ("",)}, id="no target"),
        pytest.param({"opus": ("ü",)}, id="not ASCII"),
        pytest.param({"opus": ("a" * 201,)}, id="too long"),
        pytest.param({"opus": tuple(str(n) for n in range(21))}, id="too many targets"),
        pytest.param({str(n): ("a",) for n in range(201)}, id="too many models"),
    ],
)
def test_what_cannot_be_a_model_is_refused(mappings: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(InvalidInput, match="model_mappings"):
        checked_mappings(mappings)


def test_no_mapping_is_stored_as_nothing() -> None:
    assert checked_mappings({}) is None


def test_a_target_is_stored_once() -> None:
    assert json.loads(checked_mappings({"opus": ("a", "b", "a")}) or "") == {"opus": ["a", "b"]}


@given(st.dictionaries(NAMES, st.lists(NAMES, max_size=4, unique=True).map(tuple), max_size=5))
def test_what_is_stored_reads_back(mappings: dict[str, tuple[str, ...]]) -> None:
    assert read_mappings(checked_mappings(mappings)) == mappings
