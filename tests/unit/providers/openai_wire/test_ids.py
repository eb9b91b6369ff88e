import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.openai_wire.ids import is_tool_name, metadata_of, safe_call_id
from app.providers.openai_wire.translation import Losses


@given(st.text(max_size=80), st.text(max_size=80))
def test_call_ids_are_allowed_and_stay_apart(one: str, other: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", safe_call_id(one))
    assert (safe_call_id(one) == safe_call_id(other)) == (one == other)


def test_plain_call_id_stays() -> None:
    assert safe_call_id("call_Ab-1") == "call_Ab-1"


@pytest.mark.parametrize(("name", "expected"), [("a-B_1", True), ("", False), ("a.b", False), ("x" * 129, False)])
def test_tool_names_have_their_letters(name: str, expected: bool) -> None:
    assert is_tool_name(name) is expected


@pytest.mark.parametrize("user", ["a@example.com", "+41791234567", "0791234567", "Jane Doe"])
def test_user_that_may_name_a_person_is_hashed(user: str) -> None:
    losses = Losses()
    assert re.fullmatch(r"[0-9a-f]{64}", metadata_of({"user": user}, losses)["metadata"]["user_id"])
    assert losses.listed() == ("user: sent as its SHA-256",)


def test_safety_identifier_comes_before_user() -> None:
    asked = {"user": "old", "safety_identifier": "new"}
    assert metadata_of(asked, Losses()) == {"metadata": {"user_id": "new"}}
