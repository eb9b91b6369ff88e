"""Every wait has its limit: the first byte, silence, a slow body, a client that does not read."""

import select
from collections.abc import Callable, Iterator

import pytest

from tests.fakes.raw import RawClient
from tests.fakes.upstream import Upstream, hold, message, silent, status
from tests.integration.calls import HEADERS, ask, body_of, error_of, send
from tests.integration.installation import Installation, key_of
from tests.integration.server import Server


@pytest.fixture(scope="module")
def server(upstream_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server in a hurry."""
    limits = {
        "CCFLARE_FIRST_BYTE_TIMEOUT_S": "1.5",
        "CCFLARE_IDLE_TIMEOUT_S": "0.6",
        "CCFLARE_BODY_TIMEOUT_S": "0.6",
        "CCFLARE_WRITE_TIMEOUT_S": "0.6",
        "CCFLARE_FIRST_EVENT_HOLD_S": "0.2",
    }
    with Server(tmp_path_factory.mktemp("server"), upstream_process, **limits) as running:
        yield running


@pytest.fixture(scope="module")
def installation(server: Server) -> Iterator[Installation]:
    with Installation(server) as inside:
        yield inside


@pytest.fixture(autouse=True)
def _accounts(installation: Installation, upstream: Upstream) -> None:
    if installation.scalar("SELECT count(*) FROM accounts") != 1:
        installation.accounts("a")


def test_late_first_byte_goes_to_the_next_account(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    installation.accounts("a", "b")
    upstream.script(key_of("a"), silent("request"))
    answer = ask(server, stream=True)
    assert answer.status == 200
    attempts = installation.attempts(installation.record(answer))
    assert [(one["account_name"], one["reason"]) for one in attempts] == [("a", "upstream"), ("b", "served")]
    assert "no answer within 1.5 s" in attempts[0]["detail"]
    upstream.wait_until_peer_closed()


def test_late_first_byte_of_the_last_account_is_an_error(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    upstream.script(key_of("a"), silent("request"))
    answer = ask(server)
    assert error_of(answer)[:2] == (503, "api_error")
    assert installation.record(answer)["outcome"] == "refused"


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_silence_in_the_middle_breaks_the_answer(
    server: Server, installation: Installation, upstream: Upstream, stream: bool
) -> None:
    upstream.script(key_of("a"), silent(2, events=8, framing="chunked"))
    answer = ask(server, stream=stream)
    assert (answer.status, answer.complete) == (200, False)
    record = installation.record(answer)
    assert (record["outcome"], record["is_partial"]) == ("upstream_broke", 1)
    assert "silent for 0.6 s" in record["error"]
    upstream.wait_until_peer_closed()


def test_body_without_progress_is_cut(
    raw: Callable[[], RawClient], installation: Installation, upstream: Upstream
) -> None:
    client, body = raw(), body_of()
    client.send(client.head("POST", "/v1/messages", HEADERS, len(body)) + body[:-1])
    answer = client.answer()
    assert error_of(answer)[:2] == (408, "invalid_request_error")
    assert client.is_closed()
    record = installation.record(answer)
    assert (record["status"], record["outcome"]) == (408, "refused")
    assert upstream.requests() == []


def test_client_that_does_not_read_is_cut(
    raw: Callable[[], RawClient], installation: Installation, upstream: Upstream
) -> None:
    upstream.script(key_of("a"), status(200, {"text": "x" * 16_000_000}))
    client = raw()
    client.request("GET", "/v1/files/big/content", HEADERS)
    client.read_until(b"xxxx")
    upstream.wait_until_peer_closed()
    newest = installation.scalar("SELECT max(id) FROM requests")
    record = installation.final("SELECT * FROM requests WHERE id = ?", newest)
    assert record["outcome"] == "client_gone"
    assert record["answer_bytes"] < 16_000_000


def test_client_that_reads_no_page_is_cut(raw: Callable[[], RawClient], server: Server) -> None:
    client, broken = raw(), select.poll()
    client.send(client.head("GET", "/static/vendor/htmx.min.js") * 400)
    broken.register(client.sock, select.POLLERR)
    assert broken.poll(20_000), "the server waits for a client that does not read"
    assert "Traceback" not in server.log()


def test_slow_but_steady_stream_is_never_cut(server: Server, upstream: Upstream) -> None:
    upstream.script(key_of("a"), message(events=10, event_delay_s=0.15))
    answer = ask(server, stream=True)
    assert answer.complete
    assert b"message_stop" in answer.body


def test_waiting_client_costs_no_other_one(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    upstream.script(key_of("a"), [hold("slow", at=0), message()])
    slow, quick = raw(), raw()
    send(slow, stream=True)
    upstream.wait_until_held("slow")
    send(quick)
    assert quick.answer().status == 200
    upstream.release("slow")
    assert slow.answer().status == 200
