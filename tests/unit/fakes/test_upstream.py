"""The process and the hand that steers it."""

import http.client
import json
import ssl
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fakes.client import ROOT
from tests.fakes.raw import RawClient
from tests.fakes.steps import hold, message, overloaded
from tests.fakes.upstream import Upstream, attach


def test_script_is_played_in_order_for_its_credential_alone(up: Any, call: Any) -> None:
    up.script("sk-ant-api03-key", [overloaded(), message(text="now")])
    assert call.post(key="other").status == 200
    assert [call.post().status for _ in range(3)] == [529, 200, 200]
    assert [seen.status for seen in up.requests("sk-ant-api03-key")] == [529, 200, 200]


def test_waiting_for_what_does_not_come_says_what_came(up: Any, call: Any) -> None:
    call.post()
    with pytest.raises(TimeoutError, match=r"held:never.*POST /v1/messages"):
        up.wait_until_held("never", timeout_s=0.01)


def test_requests_can_be_awaited(up: Any, call: Any) -> None:
    up.script("*", hold("gate"))
    with RawClient(up.url) as line:
        line.request("POST", "/v1/messages", call.headers(), call.body())
        (seen,) = up.wait_for_requests(1, "sk-ant-api03-key")
        assert seen.outcome == "open"
        up.release("gate")
        line.answer()
    assert up.wait_for("ended")


def test_bad_order_is_refused(up: Any) -> None:
    with pytest.raises(RuntimeError, match="refused"):
        up._ask("nonsense")


def test_second_hand_steers_the_same_fake(up: Any, call: Any) -> None:
    attach(up.url).script("*", overloaded())
    assert call.post().status == 529


def test_process_leaves_when_its_starter_is_gone() -> None:
    command = [sys.executable, "-m", "tests.fakes.upstream", "--until-stdin-closes"]
    process = subprocess.run(command, cwd=ROOT, input="", capture_output=True, text=True, timeout=20, check=True)
    assert process.stdout.startswith("ready http://127.0.0.1:")


def test_tls_answers_and_notices_a_peer_that_leaves() -> None:
    with Upstream(tls=True) as up:
        trust = ssl.create_default_context(cafile=str(up.ca_file))
        line = http.client.HTTPSConnection("127.0.0.1", urlsplit(up.url).port, context=trust, timeout=10)
        headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
        body = json.dumps({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]})
        line.request("POST", "/v1/messages", body, headers)
        assert json.loads(line.getresponse().read())["type"] == "message"
        up.script("*", hold("gate"))
        line.request("POST", "/v1/messages", body, headers)
        up.wait_until_held("gate")
        line.close()
        assert up.wait_until_peer_closed()


def test_bench_mode_keeps_nothing() -> None:
    with Upstream(bench=True) as up, RawClient(up.url) as line:
        body = b'{"model":"m","max_tokens":1,"stream":true,"messages":[{"role":"user","content":"%b"}]}' % (b"x" * 9000)
        line.request("POST", "/v1/messages", [("x-api-key", "k"), ("anthropic-version", "1")], body)
        assert b"message_stop" in line.answer().body
        assert up.requests() == []
        assert up.state()["counts"]["request"] == 1
