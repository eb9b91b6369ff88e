from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.openai_wire.account.delta import Call
from app.providers.openai_wire.account.lanes import HELD_CHARS_MAX, JsonEnd, Lanes, NamelessCall, TooMuchHeld
from app.providers.openai_wire.translation import dumps

VALUES = st.recursive(
    st.none() | st.text('{}[]"\\a', max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('{"\\', max_size=3), inner, max_size=3),
    max_leaves=6,
)


def lanes() -> Lanes:
    return Lanes(lambda number, given_id: given_id or f"id{number}", {})


@given(st.dictionaries(st.text('{}"\\x', max_size=3), VALUES, max_size=3), st.integers(1, 5))
def test_object_is_complete_at_its_last_character_and_not_before(value: dict[str, Any], size: int) -> None:
    said = dumps(value).decode()
    end = JsonEnd()
    for start in range(0, len(said), size):
        assert not end.is_complete
        end.feed(said[start : start + size])
    assert end.is_complete


def test_pieces_of_the_first_call_are_not_held() -> None:
    made = lanes()
    assert [e["type"] for e in made.add_call(Call(0, "a", "f", ""))] == ["content_block_start"]
    assert [e["delta"]["partial_json"] for e in made.add_call(Call(0, "", "", '{"x"'))] == ['{"x"']


def test_arguments_that_are_an_object_are_passed_on_as_text() -> None:
    made = lanes()
    events = [*made.add_call(Call(0, "a", "f", {"path": "/tmp/ä"})), *made.add_call(Call(1, "b", "g", {}))]
    assert [e["delta"]["partial_json"] for e in events if "delta" in e] == ['{"path":"/tmp/ä"}']
    assert [e["content_block"]["name"] for e in events if "content_block" in e] == ["f", "g"]


def test_second_call_waits_for_the_end_of_the_first() -> None:
    made = lanes()
    list(made.add_call(Call(0, "a", "f", "{")))
    assert list(made.add_call(Call(1, "b", "g", "{}"))) == []
    kinds = [event["type"] for event in made.add_call(Call(0, "", "", "}"))]
    assert kinds == ["content_block_delta", "content_block_stop", "content_block_start", "content_block_delta"]


def test_held_pieces_have_a_limit() -> None:
    made = lanes()
    list(made.add_call(Call(0, "a", "f", "{")))
    piece = "x" * (HELD_CHARS_MAX // 4)
    for _ in range(4):
        list(made.add_call(Call(1, "b", "g", piece)))
    with pytest.raises(TooMuchHeld):
        list(made.add_call(Call(1, "b", "g", "x")))


def test_passing_pieces_have_no_limit() -> None:
    made = lanes()
    for _ in range(20):
        list(made.add_text("text", "x" * (HELD_CHARS_MAX // 4)))
    assert [event["type"] for event in made.finish()] == ["content_block_stop"]


def test_call_without_an_index_belongs_to_the_last_one() -> None:
    made = lanes()
    list(made.add_call(Call(None, "a", "f", "{")))
    events = list(made.add_call(Call(None, "", "", "}")))
    assert events[0]["delta"]["partial_json"] == "}"


def test_pieces_behind_a_closed_call_are_noticed() -> None:
    made = lanes()
    list(made.add_call(Call(0, "a", "f", "{}")))
    list(made.add_call(Call(1, "b", "g", "{}")))
    assert list(made.add_call(Call(0, "", "", " "))) == []
    assert not made.has_late_pieces
    list(made.add_call(Call(0, "", "", "x")))
    assert made.has_late_pieces


def test_nameless_call_cannot_end() -> None:
    made = lanes()
    list(made.add_call(Call(0, "a", "", "{}")))
    with pytest.raises(NamelessCall):
        list(made.finish())


def test_signature_closes_the_thinking_it_signs() -> None:
    made = lanes()
    list(made.add_text("thinking", "Hm."))
    list(made.add_signature("c2ln"))
    events = list(made.add_text("text", "a"))
    assert events[0]["delta"] == {"type": "signature_delta", "signature": "c2ln"}
    assert events[1]["type"] == "content_block_stop"
