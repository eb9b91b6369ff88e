"""The names that people give."""

import pytest

from app.errors import InvalidInput
from app.names import checked_name, unknown


@pytest.mark.parametrize("name", ["a", "a" * 100, "work (old)", "Büro 2", "日本", "7", "-x", "a/b?c=d"])
def test_any_printable_name_may_be_given(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", " ", "a" * 101, "a\tb", "a\x00", "a\u200bb", "a\u2028b", " a", "a ", "\ud800"])
def test_other_names_are_refused_with_their_field(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked_name(name)
    assert list(refused.value.details) == ["name"]


def test_unknown_name_brings_the_nearest_and_nothing_that_a_terminal_obeys() -> None:
    assert unknown("user", "an", ["ann", "bob"]).details == {"name": "an", "nearest": "ann"}
    error = unknown("user", "\x1b[2J" * 100, [])
    assert error.message.isprintable()
    assert len(error.message) < 600
