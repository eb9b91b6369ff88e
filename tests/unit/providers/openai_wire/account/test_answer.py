import json

import pytest

from app.errors import UpstreamFailed
from app.providers.openai_wire.account.answer import call_id, chat_to_message, is_error, message_id


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"choices":[]}', b'{"choices":"x"}'])
def test_body_without_an_answer_is_a_failure(body: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        chat_to_message(body)


def test_ids_are_made_where_none_came_and_stay_the_same() -> None:
    body = b'{"choices":[{"message":{"tool_calls":[{"function":{"name":"f"}},{"function":{"name":"f"}}]}}]}'
    first, again = (json.loads(chat_to_message(body).body) for _ in range(2))
    assert first == again
    assert first["id"].startswith("msg_")
    assert first["content"][0]["id"] != first["content"][1]["id"]


def test_given_ids_are_kept() -> None:
    assert message_id("msg_1") == "msg_1"
    assert message_id("chatcmpl-1") == "msg_chatcmpl-1"
    assert call_id("x", 0, "call_1") == "call_1"


def test_further_choices_are_a_loss() -> None:
    body = b'{"choices":[{"message":{"content":"a"}},{"message":{"content":"b"}}]}'
    assert chat_to_message(body).losses[0] == "choices: only the first"


def test_error_with_status_200_is_noticed() -> None:
    assert is_error(b'{"error":"no"}')
    assert not is_error(b'{"choices":[{}]}')
