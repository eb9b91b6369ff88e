import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.usage.conversation.repair import repaired

JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=4), inner, max_size=5),
    max_leaves=30,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": [1, 2, {"b": "x, y', {"a": [1, 2]}),
        ('{"a": [1, 2, {"b": "\\"}', {"a": [1, 2]}),
        ('{"a": 1, "b": 12', {"a": 1}),
        ('[{"a": {}}, {"b', [{"a": {}}]),
        ("{", {}),
        ("", None),
        ("no json", None),
    ],
)
def test_complete_part_is_left(text: str, expected: object) -> None:
    assert repaired(text) == expected


@given(st.dictionaries(st.text(max_size=4), JSON, min_size=1, max_size=5), st.integers(1, 400))
def test_any_cut_of_an_object_leaves_an_object(document: dict[str, object], at: int) -> None:
    text = json.dumps(document, ensure_ascii=False)
    assert isinstance(repaired(text[:at]), dict)
