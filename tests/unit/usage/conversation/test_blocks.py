import pytest

from app.usage.conversation import blocks
from app.usage.conversation.anthropic import anthropic
from app.usage.conversation.blocks import input_text, is_stream
from tests.unit.usage.talk import bodies, body


@pytest.mark.parametrize(
    ("given", "shown"),
    [('{"a":1}', '{\n  "a": 1\n}'), ("", "{}"), ('{"a":', '{"a":'), ({"ä": 1}, '{\n  "ä": 1\n}')],
    ids=["json", "nothing", "cut", "object"],
)
def test_input_of_a_call_is_readable(given: object, shown: str) -> None:
    assert input_text(given) == shown


@pytest.mark.parametrize(
    ("content", "expected"),
    [("event: ping\n\n", True), ("data: {}\n\n", True), (b"\nevent: x", True), (b'{"data": 1}', False)],
)
def test_stream_is_known_by_type_or_beginning(content: object, expected: bool) -> None:
    assert is_stream(body(content)) is expected


def test_number_of_messages_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MAX_MESSAGES", 3)
    asked = {"messages": [{"role": "user", "content": str(at)} for at in range(5)]}
    found = anthropic(bodies(asked, ""))
    assert len(found.messages) == 3
    assert found.faults == ("only the first 3 messages are shown",)
