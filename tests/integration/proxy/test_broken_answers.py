"""An answer that breaks off upstream reaches the client as broken, never as a short but whole one."""

from collections.abc import Callable

import pytest

from tests.fakes.raw import RawClient
from tests.fakes.upstream import Step, Upstream, cut, early_close_of_idle_connection, early_end, rst, short_body, status
from tests.integration.calls import HEADERS, ask, body_of
from tests.integration.installation import Installation, key_of
from tests.integration.server import Server


@pytest.fixture(scope="module", autouse=True)
def _account(installation: Installation) -> None:
    installation.accounts("a", "b")


CUTS: dict[str, Step] = {
    "chunked-fin": cut(5, events=8),
    "chunked-reset": rst(5, events=8),
    "ends-before-the-last-event": early_end(5, events=8),
    "gzip-fin": cut(5, events=8, encoding="gzip"),
    "ends-early-with-its-last-bytes": early_end(1, events=8),
    "to-close-fin": cut(5, events=8, framing="close"),
}


@pytest.mark.parametrize("step", CUTS.values(), ids=CUTS)
def test_cut_stream_is_cut_for_the_client(
    server: Server, installation: Installation, upstream: Upstream, step: Step
) -> None:
    upstream.script(key_of("a"), step)
    answer = ask(server, stream=True, headers=[("Accept-Encoding", "gzip")])
    (seen,) = upstream.requests()
    assert answer.status == 200
    assert not answer.complete
    assert seen.answer_body.startswith(answer.body)
    record = installation.record(answer)
    assert (record["outcome"], record["is_partial"], record["account_name"]) == ("upstream_broke", 1, "a")
    assert record["error"]


def test_stream_without_an_event_is_asked_of_the_next_account(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    upstream.script(key_of("a"), early_end(0))
    answer = ask(server, stream=True)
    assert (answer.status, answer.complete) == (200, True)
    assert [seen.credential for seen in upstream.requests()] == [key_of("a"), key_of("b")]
    assert installation.record(answer)["account_name"] == "b"


@pytest.mark.parametrize(
    "step",
    [short_body(2), cut(2, framing="chunked"), rst(2, framing="length"), short_body(1, encoding="br")],
    ids=["content-length", "chunked", "reset", "encoded"],
)
def test_short_body_is_short_for_the_client(
    server: Server, installation: Installation, upstream: Upstream, step: Step
) -> None:
    upstream.script(key_of("a"), step)
    answer = ask(server, headers=[("Accept-Encoding", "br")])
    (seen,) = upstream.requests()
    assert (answer.status, answer.complete) == (200, False)
    assert seen.answer_body.startswith(answer.body)
    assert installation.record(answer)["outcome"] == "upstream_broke"


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_http_1_0_client_sees_a_reset(
    raw: Callable[[], RawClient], installation: Installation, upstream: Upstream, stream: bool
) -> None:
    """Without framing a clean end would say that all is there."""
    upstream.script(key_of("a"), cut(2, framing="chunked", events=8))
    client, body = raw(), body_of(stream=stream)
    client.send(client.head("POST", "/v1/messages", HEADERS, len(body)).replace(b"HTTP/1.1", b"HTTP/1.0") + body)
    answer = client.answer()
    assert (answer.status, answer.complete) == (200, False)
    assert installation.record(answer)["outcome"] == "upstream_broke"


def test_error_body_that_breaks_off_is_broken_for_the_client(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    upstream.script(key_of("a"), status(400, end={"how": "cut", "after": 2}))
    answer = ask(server)
    assert (answer.status, answer.complete) == (400, False)
    assert installation.record(answer)["outcome"] == "upstream_broke"


@pytest.mark.parametrize("when", ["at_once", "on_next"])
def test_idle_connection_that_the_upstream_closed_costs_nothing(
    raw: Callable[[], RawClient], installation: Installation, upstream: Upstream, when: str
) -> None:
    upstream.script(key_of("a"), [early_close_of_idle_connection(when), early_close_of_idle_connection(when)])
    client = raw()
    for _ in range(3):
        client.request("POST", "/v1/messages", HEADERS, body_of())
        answer = client.answer()
        assert answer.status == 200
        assert installation.record(answer)["attempts"] == 1
    assert {seen.credential for seen in upstream.requests()} == {key_of("a")}


def test_connection_is_used_again_after_a_clean_answer_only(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    client = raw()
    for stream in (False, True, False, True):
        client.request("POST", "/v1/messages", HEADERS, body_of(stream=stream))
        assert client.answer().complete
    assert len({seen.connection for seen in upstream.requests()}) == 1
