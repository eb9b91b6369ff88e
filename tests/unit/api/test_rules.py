"""What a value may be: the rule and its schema agree."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.api.rules import Between, Chars, Items, Moment, OneOf


def fits(rule: Any, kind: str, value: Any) -> bool:
    return jsonschema_rs.is_valid({"type": kind} | rule.schema, value)


@given(some.integers(-20, 20))
def test_bounds_of_numbers_are_told(value: int) -> None:
    rule = Between(-3, 7)
    assert (rule.check(value) is None) == fits(rule, "integer", value)


@given(some.text(some.characters(codec="ascii"), max_size=8))
def test_bounds_of_text_are_told(value: str) -> None:
    rule = Chars(2, 5)
    assert (rule.check(value) is None) == fits(rule, "string", value)


@given(some.sampled_from(("a", "b", "c", "")))
def test_words_are_told(value: str) -> None:
    rule = OneOf(("a", "b"))
    assert (rule.check(value) is None) == fits(rule, "string", value)


def test_parts_are_counted() -> None:
    assert Items(1).check(("a",)) is None
    assert Items(1).check(("a", "b")) == "give at most 1"
    assert Items(1, is_object=True).schema == {"maxProperties": 1}


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("0", 0),
        ("1790000000000", 1_790_000_000_000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:01.5Z", 1500),
        ("1970-01-01", None),
        ("9" * 17, None),
        ("+5", None),
        ("", None),
    ],
)
def test_moments_are_read(text: str, at: int | None) -> None:
    assert Moment.parse(text) == at
