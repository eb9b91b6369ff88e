import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.usage.bodies import Bodies
from app.usage.conversation import read_conversation
from tests.unit.usage.talk import bodies, body

PATHS = ("/v1/messages", "/v1/messages?beta=true", "/v1/chat/completions", "/v1/responses/")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["type", "role", "content", "text", "input", "id", "name", "messages", "tools", "system",
                         "choices", "delta", "message", "output", "error", "source", "tool_calls", "function"]),
        inner, max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@given(asked=JSON, answered=JSON | st.binary(max_size=60), cut=st.integers(0, 200))
def test_no_body_makes_it_fail(path: str, asked: object, answered: object, cut: int) -> None:
    request = json.dumps(asked).encode()[: cut or None]
    read_conversation(Bodies(body(request), body(answered)), path)


@pytest.mark.parametrize("path", PATHS)
def test_shape_is_that_of_the_path(path: str) -> None:
    asked = {"messages": [{"role": "user", "content": "Grüße 🦜"}], "input": "Grüße 🦜"}
    found = read_conversation(bodies(asked, ""), path)
    assert [(one.role, one.blocks[0].text) for one in found.messages] == [("user", "Grüße 🦜")]


def test_call_and_result_know_each_other() -> None:
    asked = {
        "messages": [
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "Read", "input": {"p": "ä"}}]},
            {"role": "user", "content": [{"type": "text", "text": "so"},
                                         {"type": "tool_result", "tool_use_id": "t1", "content": "x"}]},
        ]
    }  # fmt: skip
    found = read_conversation(bodies(asked, ""), "/v1/messages")
    call, result = found.messages[0].blocks[0], found.messages[1].blocks[1]
    assert (call.link, result.link, result.name) == ((1, 1), (0, 0), "Read")
    assert json.loads(call.text) == {"p": "ä"}
    assert "ä" in call.text
