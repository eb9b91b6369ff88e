"""The proxy's door without a server: every way out is an answer in the client's shape and one record."""

import json
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.accounts.models import Account
from app.accounts.secrets import seal_into
from app.db import transaction
from app.runtime import runtime
from app.usage.journal import decode, journals
from app.values import Outbound, id_from_text
from tests.unit.proxy.answers import JSON, Canned

WHOLE = b'{"type":"message","model":"m","usage":{"input_tokens":1,"output_tokens":2}}'


class Network:
    """Answers each request with the same."""

    def __init__(self, *headers: tuple[str, str], fault: Exception | None = None) -> None:
        self.headers = (*JSON, *headers)
        self.fault = fault

    def send(self, outbound: Outbound, is_repeatable: bool = True) -> Canned:
        """Answer."""
        if self.fault is not None:
            raise self.fault
        return Canned(WHOLE, headers=self.headers)


def ask(app: Flask, target: str = "/v1/messages", method: str = "POST", **more: Any) -> TestResponse:
    """Send one request from this machine."""
    given = {"data": b'{"model":"m"}', "base_url": "http://localhost", "environ_base": {"REMOTE_ADDR": "127.0.0.1"}}
    return app.test_client().open(target, method=method, **(given | more))


def records(app: Flask) -> list[dict[str, Any]]:
    """Return what was recorded."""
    found = [entry for path in journals(runtime().journal_dir) for entry in decode(path.read_bytes())]
    return [entry.head for entry in found]


def have_account(network: Network) -> None:
    """Have one account, behind this network."""
    with transaction() as session:
        row = Account(name="work", provider="console", created_at=1)
        session.add(row)
        session.flush()
        seal_into(row, runtime().vault, "api_key", "canary")
    runtime().pool.load()
    runtime().transport = network  # type: ignore[assignment]


def test_answer_and_its_record(app: Flask) -> None:
    have_account(Network(("Request-Id", "req_up")))
    answer = ask(app)
    assert (answer.status_code, answer.data) == (200, WHOLE)
    (head,) = records(app)
    assert (head["outcome"], head["tokens"][:2], head["upstream_request_id"]) == ("complete", [1, 2], "req_up")
    assert id_from_text(answer.headers["x-ccflare-request-id"]) == head["id"]


def test_fields_of_the_upstreams_connection_stay_there(app: Flask) -> None:
    hops = (("Connection", "keep-alive, X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "5"), ("Proxy-Authenticate", "x"))
    have_account(Network(*hops, ("Trailer", "x"), ("X-Kept", "1")))
    names = {name.lower() for name, _ in ask(app).headers}
    assert "x-kept" in names
    assert not names & {"keep-alive", "proxy-authenticate", "trailer", "connection", "x-hop"}


@pytest.mark.parametrize("target", ["/v1", "/v1/"])
def test_nothing_is_at_the_root(app: Flask, target: str) -> None:
    answer = ask(app, target)
    assert (answer.status_code, answer.get_json()["error"]["type"]) == (404, "not_found_error")


def test_refusal_has_the_clients_shape_and_a_record(app: Flask) -> None:
    answer = ask(app)
    told = json.loads(answer.data)
    assert (answer.status_code, told["type"], told["error"]["type"]) == (503, "error", "api_error")
    assert told["request_id"] == answer.headers["x-ccflare-request-id"]
    (head,) = records(app)
    assert (head["outcome"], head["status"], head["error"]) == ("refused", 503, told["error"]["message"])
    assert len(runtime().flights) == 0


def test_refusal_before_the_body_has_a_record(app: Flask) -> None:
    answer = ask(app, headers={"X-Forwarded-For": "9.9.9.9"})
    assert answer.status_code == 401
    assert [head["status"] for head in records(app)] == [401]


def test_fault_of_our_own_tells_nothing(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    have_account(Network(fault=ZeroDivisionError("canary-detail")))
    answer = ask(app)
    assert answer.status_code == 500
    assert b"canary" not in answer.data
    assert "canary-detail" in caplog.text
    assert [head["outcome"] for head in records(app)] == ["refused"]
    assert len(runtime().flights) == 0


def test_draining_worker_refuses_and_says_when_to_come_back(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    have_account(Network())
    monkeypatch.setattr(type(runtime().flights), "is_closed", True)
    answer = ask(app)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
