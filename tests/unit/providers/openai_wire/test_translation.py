import json

import pytest

from app.errors import InvalidInput
from app.providers.openai_wire.translation import (
    Losses,
    data_url,
    dumps,
    fingerprint,
    number,
    parsed,
    read_object,
    tool_input,
)


def test_each_loss_is_listed_once_in_order() -> None:
    losses = Losses()
    for what in ("b", "a", "b"):
        losses.add(what)
    assert losses.listed() == ("b", "a")


def test_unread_fields_are_losses_unless_they_hold_nothing() -> None:
    losses = Losses()
    losses.rest("metadata", {"user_id": "u", "team": "t", "none": None}, frozenset({"user_id"}))
    assert losses.listed() == ("metadata.team",)


def test_lone_surrogate_stays_escaped() -> None:
    assert json.loads(dumps({"a": "\ud800é"})) == {"a": "\ud800é"}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b"\xff"])
def test_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_object(body)


def test_json_nested_beyond_reason_does_not_parse() -> None:
    assert parsed(b"[" * 200_000) is None


@pytest.mark.parametrize(
    ("value", "expected"), [(3, 3), (3.0, 3), (-1, None), (True, None), ("3", None), (None, None), (float("inf"), None)]
)
def test_only_whole_counts_are_numbers(value: object, expected: int | None) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("arguments", "expected", "is_lost"),
    [
        ('{"a":1}', {"a": 1}, False),
        ("", {}, False),
        (None, {}, False),
        ({"a": 1}, {"a": 1}, False),
        ('"{\\"a\\":1}"', {"a": 1}, False),
        ("[1]", {"raw_arguments": "[1]"}, True),
        ('{"a":', {"raw_arguments": '{"a":'}, True),
    ],
    ids=["object", "empty", "none", "parsed", "encoded twice", "array", "cut"],
)
def test_tool_arguments_become_an_object(arguments: object, expected: object, is_lost: bool) -> None:
    losses = Losses()
    assert tool_input(arguments, losses) == expected
    assert bool(losses.listed()) is is_lost


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("data:image/PNG;base64,AA==", ("image/png", "AA==")),
        ("data:text/plain;charset=utf-8;base64,AA==", ("text/plain", "AA==")),
        ("data:;base64,AA==", ("text/plain", "AA==")),
        ("data:text/plain,hello", None),
        ("https://example.com/a,b", None),
    ],
)
def test_data_url_is_taken_apart(url: str, expected: tuple[str, str] | None) -> None:
    assert data_url(url) == expected


def test_fingerprint_tells_parts_from_their_join() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert len(fingerprint("x", length=64)) == 64
