import gzip
import json

import pytest
from flask import Flask

from app.errors import NotFound
from app.runtime import runtime
from app.usage import bodies
from app.usage.bodies import payload, pretty
from app.usage.capture import Capture
from app.usage.conversation import read_conversation
from app.usage.payloads import seal
from tests.unit.usage.records import NOW, end, put


def stored(request: bytes, answer: bytes, *, coding: str = "", limit: int = 1 << 20) -> int:
    head = end(NOW)
    capture = Capture(limit)
    capture.add(answer)
    encoded = (("Content-Encoding", coding),) if coding else ()
    blob = seal(
        runtime().vault,
        head["id"],
        (("Content-Type", "application/json; charset=utf-8"), ("x-api-key", "sk-secret"), *encoded),
        request,
        (("content-type", "application/json"), *encoded),
        capture,
        limit,
    )
    put(head, blob=blob)
    return int(head["id"])


@pytest.mark.parametrize("coding", ["", "gzip"])
def test_bodies_are_shown_decoded_and_without_credentials(app: Flask, coding: str) -> None:
    text = json.dumps({"ä": "ö"}, ensure_ascii=False).encode()
    sent = gzip.compress(text) if coding else text
    found = payload(stored(sent, sent, coding=coding), runtime().vault)
    for side in (found.request, found.answer):
        assert (side.content, side.is_whole, side.media_type) == (text, True, "application/json")
        assert pretty(side) == '{\n  "ä": "ö"\n}'
    assert ("x-api-key", "[redacted]") in found.request.headers


def test_cut_body_is_shown_as_far_as_it_can_be_decoded(app: Flask) -> None:
    text = json.dumps([f"{at:x}" * 20 for at in range(9000)]).encode()
    sent = gzip.compress(text)
    found = payload(stored(sent, b"", coding="gzip", limit=len(sent) // 2), runtime().vault).request
    assert not found.is_whole
    assert found.dropped_bytes == len(sent) - len(sent) // 2
    assert len(found.content) > 10_000
    assert text.startswith(found.content)


def test_body_that_grows_too_large_is_cut(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_BYTES", 1000)
    found = payload(stored(gzip.compress(b"x" * 50_000), b"plain", coding="gzip"), runtime().vault)
    assert (len(found.request.content), found.request.is_whole) == (1000, False)
    assert found.answer.text == "plain", "what is not encoded as it says is shown as it is"


def test_request_without_stored_bodies_says_so(app: Flask) -> None:
    head = end(NOW)
    put(head)
    with pytest.raises(NotFound):
        payload(head["id"], runtime().vault)


def test_conversation_comes_out_of_the_store(app: Flask) -> None:
    asked = json.dumps({"messages": [{"role": "user", "content": "Grüße"}]}, ensure_ascii=False).encode()
    answer = b'{"role": "assistant", "content": [{"type": "text", "text": "ja"}]}'
    found = read_conversation(payload(stored(asked, answer), runtime().vault), "/v1/messages")
    assert [one.blocks[0].text for one in found.messages] == ["Grüße", "ja"]
