"""Errors of ours, in the shape that the client expects."""

import json

import pytest

from app.errors import CcflareError, NotAuthenticated, NoUpgrade, Unavailable
from app.proxy.replies import Reply, error_reply
from app.values import id_text


def test_error_has_the_shape_of_anthropic() -> None:
    reply, body = error_reply(NotAuthenticated("Send a key."), 7)
    assert json.loads(body) == {
        "type": "error",
        "error": {"type": "authentication_error", "message": "Send a key."},
        "request_id": id_text(7),
    }
    assert reply.status == 401
    assert ("content-length", str(len(body))) in reply.headers
    assert ("x-ccflare-request-id", id_text(7)) in reply.headers


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (NotAuthenticated("m"), "invalid_request_error", "invalid_api_key"),
        (NoUpgrade("m"), "invalid_request_error", None),
        (Unavailable("m"), "server_error", "server_error"),
    ],
)
def test_error_has_the_shape_of_openai_for_its_clients(error: CcflareError, kind: str, code: str | None) -> None:
    reply, body = error_reply(error, 7, "openai")
    assert json.loads(body) == {"error": {"message": "m", "type": kind, "param": None, "code": code}}
    assert reply.status == error.status
    assert ("content-length", str(len(body))) in reply.headers


def test_wait_and_the_wish_for_no_retry_are_told() -> None:
    reply, _ = error_reply(Unavailable("m", details={"should_retry": False}, retry_after_s=90), 7)
    assert {("retry-after", "90"), ("x-should-retry", "false")} <= set(reply.headers)
    reply, _ = error_reply(Unavailable("m"), 7)
    assert not {"retry-after", "x-should-retry"} & {name for name, _ in reply.headers}


@pytest.mark.parametrize(("status", "line"), [(200, "200 OK"), (529, "529 Overloaded"), (599, "599 Status")])
def test_reply_answers_as_wsgi_asks(status: int, line: str) -> None:
    started: list[object] = []
    reply = Reply(status, [("a", "b")], [b"body"])
    assert list(reply({}, lambda *given: started.extend(given))) == [b"body"]
    assert started == [line, [("a", "b")]]
