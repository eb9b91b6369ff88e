"""A whole answer within a time limit, without an event loop and with one."""

import subprocess
import sys

import pytest

from app.connections import TransportOptions
from app.errors import UpstreamFailed
from app.fetch import fetch
from app.transport import Transport
from app.values import Outbound
from tests.fakes.upstream import Upstream, cut, hold, payload, rst, silent
from tests.integration.server import ROOT

_COOPERATIVE = """
from gevent import monkey; monkey.patch_all()
import sys
from app.connections import TransportOptions
from app.errors import UpstreamFailed
from app.fetch import fetch
from app.transport import Transport
from app.values import Outbound
try:
    print(fetch(Transport(TransportOptions()), Outbound("POST", sys.argv[1], ()), float(sys.argv[2])).status)
except UpstreamFailed as exc:
    print(exc.phase, exc.sent)
"""


def ask(up: Upstream, timeout_s: float = 5, **more: int) -> tuple[int, bytes]:
    outbound = Outbound("POST", f"{up.url}/v1/oauth/token", (("accept", "application/json"),), b"{}")
    found = fetch(Transport(TransportOptions()), outbound, timeout_s, **more)
    return found.status, found.body


def test_answer_comes_whole_and_its_connection_is_not_kept(up: Upstream) -> None:
    up.script("*", payload({"a": 1}), on="token")
    assert ask(up) == (200, b'{"a":1}')
    assert up.requests()[0].header("connection") == "close"


@pytest.mark.parametrize(
    ("step", "phase"),
    [
        pytest.param(silent("request"), "timeout", id="silent"),
        pytest.param(rst("request"), "head", id="reset"),
        pytest.param(cut("request"), "head", id="cut before the head"),
    ],
)
def test_answer_that_does_not_come_is_told_as_sent(up: Upstream, step: dict[str, object], phase: str) -> None:
    up.script("*", step, on="token")
    with pytest.raises(UpstreamFailed) as failed:
        ask(up, timeout_s=0.3 if phase == "timeout" else 5)
    assert (failed.value.phase, failed.value.sent) == (phase, True)


def test_server_that_is_not_there_got_nothing() -> None:
    with pytest.raises(UpstreamFailed) as failed:
        fetch(Transport(TransportOptions()), Outbound("POST", "http://127.0.0.1:9/", ()), 5)
    assert (failed.value.phase, failed.value.sent) == ("connect", False)


def test_answer_without_measure_is_cut(up: Upstream) -> None:
    up.script("*", payload({"a": "x" * 5000}), on="token")
    with pytest.raises(UpstreamFailed) as failed:
        ask(up, max_bytes=4096)
    assert failed.value.phase == "size"


@pytest.mark.parametrize(("held", "told"), [(False, "200"), (True, "timeout True")], ids=["answered", "held"])
def test_event_loop_waits_as_long_and_no_longer(up: Upstream, held: bool, told: str) -> None:
    up.script("*", hold("never") if held else payload({}), on="token")
    command = [sys.executable, "-c", _COOPERATIVE, f"{up.url}/v1/oauth/token", "0.3" if held else "10"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == told
