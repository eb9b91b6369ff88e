"""Stored bodies over the API: for admins, and never unseen."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from app.audit import EntryFilter, entries
from app.clock import now_ms
from app.runtime import runtime
from app.usage.capture import Capture
from app.usage.payloads import seal
from app.values import id_text
from tests.unit.api.conftest import Call
from tests.unit.usage.records import end, put

ASKED = b'{"model":"m","messages":[{"role":"user","content":"gr\xc3\xbc\xc3\x9f dich"}]}'


def store(answer: bytes) -> str:
    head = end(now_ms())
    capture = Capture(1000)
    capture.add(answer)
    sent = (("content-type", "application/json"), ("x-api-key", "sk-ant-api03-secret"))
    got = (("content-type", "application/json"),)
    put(head, blob=seal(runtime().vault, head["id"], sent, ASKED, got, capture, 1000))
    return id_text(head["id"])


@pytest.mark.parametrize(
    ("answer", "body", "encoded"),
    [(b'{"ok":1}', '{"ok":1}', None), (b"\xff\xfe", None, "//4=")],
    ids=["text", "bytes"],
)
def test_both_sides_are_shown_and_the_look_is_noted(call: Call, answer: bytes, body: Any, encoded: Any) -> None:
    request_id = store(answer)
    shown = call("GET", f"/api/requests/{request_id}/payload")
    sides = shown.get_json()
    assert sides["request"]["body"] == ASKED.decode()
    assert (sides["response"]["body"], sides["response"]["bodyBase64"]) == (body, encoded)
    assert ["x-api-key", "[redacted]"] in sides["request"]["headers"]
    (entry,) = entries(EntryFilter(action="payload.view"), 5)
    assert (entry.actor, entry.subject) == ("key:ci", request_id)


def test_conversation_is_read_and_the_look_is_noted(call: Call) -> None:
    request_id = store(b'{"type":"message","role":"assistant","content":[{"type":"text","text":"hallo"}]}')
    said = call("GET", f"/api/requests/{request_id}/conversation").get_json()
    assert [block["text"] for message in said["messages"] for block in message["blocks"]] == ["grüß dich", "hallo"]
    assert len(entries(EntryFilter(action="payload.view"), 5)) == 1


def test_what_is_not_kept_is_not_found_and_not_noted(call: Call) -> None:
    head = end(now_ms())
    put(head)
    for verb in ("payload", "conversation"):
        assert call("GET", f"/api/requests/{id_text(head['id'])}/{verb}").status_code == 404
        assert call("GET", f"/api/requests/req_0000000000000/{verb}").status_code == 404
    assert entries(EntryFilter(action="payload"), 5) == ()


def test_viewer_sees_no_bodies(viewer: FlaskClient) -> None:
    request_id = store(b"{}")
    assert viewer.get(f"/api/requests/{request_id}").status_code == 200
    assert viewer.get(f"/api/requests/{request_id}/payload").status_code == 403
    assert viewer.get(f"/api/requests/{request_id}/conversation").status_code == 403
