import json

import pytest

from app.errors import UpstreamFailed
from app.providers.openai_wire.chat.answer import completion_id, finish_reason, message_to_chat


@pytest.mark.parametrize("body", [b"", b"[]", b'{"type":"error"}'])
def test_body_that_is_no_message_is_a_failure(body: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        message_to_chat(body, 0)


def test_unknown_stop_reason_ends_normally() -> None:
    assert finish_reason("odd") == finish_reason(None) == "stop"


def test_id_shows_the_message() -> None:
    assert completion_id({"id": "msg_1"}) == "chatcmpl-msg_1"


def test_answer_without_text_has_none() -> None:
    body = json.dumps({"type": "message", "content": [], "stop_reason": "end_turn"}).encode()
    assert json.loads(message_to_chat(body, 0).body)["choices"][0]["message"]["content"] is None
