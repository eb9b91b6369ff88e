"""A client that leaves takes its upstream connection with it within a second, in whatever phase it leaves."""

from collections.abc import Callable
from time import time

import pytest

from app.values import new_request_id
from tests.fakes.raw import RawClient
from tests.fakes.upstream import Upstream, hold, message, silent, status
from tests.integration.calls import HEADERS, body_of, send
from tests.integration.installation import Installation, Row, key_of
from tests.integration.server import Server

WITHIN_MS = 1500
"""The promise is a second; the rest is for a machine that does other things as well."""


Watch = Callable[[], Row]


@pytest.fixture
def record(installation: Installation, upstream: Upstream) -> Watch:
    """Wait for the record of the one request of the test, and return it."""
    installation.ensure_accounts("left", "other")
    begun = new_request_id()
    return lambda: installation.final("SELECT * FROM requests WHERE id >= ?", begun)


def check_gone(leave: Callable[[], None], upstream: Upstream, record: Watch) -> Row:
    """Leave; check that the upstream lost its peer in time and that the record says so; return the record."""
    leave()
    since = time() * 1000
    (point,) = upstream.wait_until_peer_closed()
    assert point["at"] - since < WITHIN_MS
    found = record()
    assert found["outcome"] == "client_gone"
    return found


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_headers_never_come(
    raw: Callable[[], RawClient], record: Watch, upstream: Upstream, stream: bool, how: str
) -> None:
    upstream.script(key_of("left"), silent("request"))
    client = raw()
    send(client, stream=stream)
    upstream.wait_for_requests(1)
    found = check_gone(getattr(client, how), upstream, record)
    assert (found["status"], found["output_tokens"]) == (None, None)


def test_first_event_never_comes(raw: Callable[[], RawClient], record: Watch, upstream: Upstream) -> None:
    upstream.script(key_of("left"), hold("gate", at=0))
    client = raw()
    send(client, stream=True)
    upstream.wait_until_held("gate")
    check_gone(client.close, upstream, record)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_upstream_is_silent_in_the_middle(
    raw: Callable[[], RawClient], record: Watch, upstream: Upstream, how: str
) -> None:
    step = message(events=9, usage={"input_tokens": 41, "output_tokens": 900})
    upstream.script(key_of("left"), step | {"gates": {"6": "middle"}})
    client = raw()
    send(client, stream=True)
    client.read_until(b"content_block_delta")
    upstream.wait_until_held("middle")
    found = check_gone(getattr(client, how), upstream, record)
    assert (found["status"], found["account_name"], found["is_partial"]) == (200, "left", 1)
    assert (found["input_tokens"], found["output_tokens"]) == (41, 3), "what was seen until then"


def test_client_reads_only_half(raw: Callable[[], RawClient], record: Watch, upstream: Upstream) -> None:
    """Back-pressure: the proxy waits in its write, the upstream in its own."""
    upstream.script(key_of("left"), status(200, {"text": "x" * 30_000_000}))
    client = raw()
    client.request("GET", "/v1/files/big/content", HEADERS)
    client.read_until(b"xxxx")
    client.reset()
    found = record()
    assert found["outcome"] == "client_gone"
    assert found["answer_bytes"] < 30_000_000
    upstream.wait_until_peer_closed()


def test_body_never_arrives_whole(raw: Callable[[], RawClient], record: Watch, upstream: Upstream) -> None:
    client, body = raw(), body_of()
    client.send(client.head("POST", "/v1/messages", HEADERS, len(body) + 10) + body)
    client.close()
    assert record()["outcome"] in ("client_gone", "refused")
    assert upstream.requests() == []


def test_waiting_between_retries(
    new_server: Callable[..., Server], inside: Callable[[Server], Installation], upstream: Upstream
) -> None:
    server = new_server(workers=1, RETRY_DELAY_MS="30000", RETRY_BACKOFF="10")
    installation = inside(server)
    installation.accounts("left")
    upstream.script(key_of("left"), status(529), forever=True)
    with server.raw() as client:
        send(client, stream=True)
        upstream.wait_for_requests(1)
        client.close()
    found = installation.final("SELECT * FROM requests")
    assert (found["outcome"], found["attempts"]) == ("client_gone", 1)
    assert found["ended_at"] - found["started_at"] < 15_000


@pytest.mark.usefixtures("record")
def test_neighbours_are_not_disturbed(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    upstream.script(key_of("left"), [hold("stay", at=3), silent("request")])
    staying, leaving = raw(), raw()
    send(staying, stream=True)
    upstream.wait_until_held("stay")
    send(leaving, stream=True)
    upstream.wait_for_requests(2)
    leaving.reset()
    upstream.wait_until_peer_closed()
    upstream.release("stay")
    assert staying.answer().complete
