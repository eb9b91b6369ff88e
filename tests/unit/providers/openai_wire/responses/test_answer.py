import json

import pytest

from app.errors import UpstreamFailed
from app.providers.openai_wire.responses.answer import message_to_response
from app.providers.openai_wire.responses.request import responses_to_messages

REQUEST = responses_to_messages(b'{"input":"x"}', "claude-opus-5")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"type":"error"}'])
def test_body_that_is_no_message_is_a_failure(body: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        message_to_response(body, REQUEST, 0)


def test_only_the_last_item_of_a_cut_answer_is_incomplete() -> None:
    blocks = [{"type": "text", "text": "a"}, {"type": "tool_use", "id": "t", "name": "f", "input": {}}]
    message = {"type": "message", "id": "msg_1", "content": blocks, "stop_reason": "max_tokens"}
    response = json.loads(message_to_response(json.dumps(message).encode(), REQUEST, 0).body)
    assert [item["status"] for item in response["output"]] == ["completed", "incomplete"]
