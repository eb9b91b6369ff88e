"""How values become JSON, and that their schemas say the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.api.rules import Between
from app.api.shapes import SHAPES, Schemas, Shape, camel, shown


@dataclass(frozen=True, slots=True)
class Part:
    """A part."""

    cost_micro_usd: int
    spent_micro_usd: int | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole. `parts`: what it is made of; `last_used_at`: when.

    More that only the code needs to know.
    """

    id: int
    last_used_at: int | None
    kind: Literal["one", "two"] | None
    parts: tuple[Part, ...]
    first: Part | None
    by_name: Mapping[str, Part]
    cache_write_5m: Annotated[int, Between(0, 9)]


WHOLE = Whole(7, None, "one", (Part(1_500_000, -1),), None, {"a_b": Part(0)}, 5)


@pytest.fixture(autouse=True)
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHAPES, Whole, Shape({"kind": "sort"}, frozenset({"id"}), {"name": (str, lambda one: "n")}))


@pytest.mark.parametrize(
    ("name", "key"),
    [("id", "id"), ("from_", "from"), ("cache_write_5m", "cacheWrite5m"), ("cost_micro_usd", "costMicroUsd")],
)
def test_names_are_in_camel_case(name: str, key: str) -> None:
    assert camel(name) == key


def test_value_is_shown_by_its_words() -> None:
    assert shown(WHOLE) == {
        "lastUsedAt": None,
        "sort": "one",
        "parts": [{"costMicroUsd": 1_500_000, "costUsd": "1.500000", "spentMicroUsd": -1, "spentUsd": "-0.000001"}],
        "first": None,
        "byName": {"a_b": {"costMicroUsd": 0, "costUsd": "0.000000", "spentMicroUsd": None, "spentUsd": None}},
        "cacheWrite5m": 5,
        "name": "n",
    }


@given(
    some.builds(
        Whole,
        last_used_at=some.none() | some.integers(),
        parts=some.lists(some.builds(Part)).map(tuple),
        by_name=some.dictionaries(some.text(), some.builds(Part)),
        cache_write_5m=some.integers(0, 9),
    )
)
def test_what_is_shown_fits_its_schema(whole: Whole) -> None:
    schemas = Schemas()
    schema = schemas.of(Whole) | {"components": {"schemas": schemas.named}}
    jsonschema_rs.validator_for(schema).validate(shown(whole))


def test_only_the_first_paragraph_is_told() -> None:
    schemas = Schemas()
    schemas.of(Whole)
    assert schemas.named["Whole"]["description"] == "A whole. `parts`: what it is made of; `lastUsedAt`: when."


def test_what_comes_in_may_leave_out_what_has_a_default() -> None:
    schemas = Schemas().inputs()
    schemas.of(Part)
    assert schemas.named["Part"]["required"] == ["costMicroUsd"]
    assert list(schemas.named["Part"]["properties"]) == ["costMicroUsd", "spentMicroUsd"]


def test_classes_of_one_name_are_told_apart() -> None:
    mine, schemas = Part, Schemas()

    @dataclass(frozen=True)
    class Other:
        """Another part."""

        count: int

    Other.__name__ = "Part"
    assert schemas.of(mine)["$ref"] != schemas.of(Other)["$ref"]
    assert next(iter(schemas.named["Part"]["properties"])) == "costMicroUsd"
