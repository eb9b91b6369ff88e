"""While any account can serve, the client sees no other account's trouble; every row of the table, end to end."""

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from tests.fakes.raw import RawClient
from tests.fakes.upstream import (
    Step,
    Upstream,
    cut,
    first_event_error,
    forbidden,
    hold,
    limited,
    message,
    mid_stream_error,
    overloaded,
    rst,
    status,
    unauthorized,
)
from tests.integration.calls import ask, send
from tests.integration.installation import Installation, key_of
from tests.integration.server import Server

_turn = count()


@pytest.fixture
def pair(installation: Installation, upstream: Upstream) -> None:
    """Two fresh accounts, `a` first; in turn with a third behind, so that workers notice at one look."""
    installation.accounts(*("a", "b", "c")[: 2 + next(_turn) % 2])


ROWS: dict[str, tuple[Step, int, str, bool]] = {
    "model-quota": (limited("7d_oi", reset_in_s=900), 1, "model_quota", True),
    "out-of-credits": (limited("out_of_credits", reset_in_s=900), 1, "model_quota", True),
    "quota-5h": (limited("5h", reset_in_s=900), 1, "quota", True),
    "quota-7d": (limited("7d", reset_in_s=90_000), 1, "quota", True),
    "quota-both": (limited("both", reset_in_s=900), 1, "quota", True),
    "quota-unified-only": (limited("unified-only", reset_in_s=900), 1, "quota", True),
    "burst-retry-after": (limited("retry-after", reset_in_s=30), 1, "burst", True),
    "burst-tokens": (limited("tokens", reset_in_s=30), 1, "burst", True),
    "burst-once": (limited("windowless"), 1, "burst", False),
    "overloaded": (overloaded(), 2, "overloaded", True),
    "upstream-500": (status(500), 2, "upstream", False),
    "upstream-502": (status(502, "<html>bad gateway"), 2, "upstream", False),
    "upstream-503": (status(503), 2, "upstream", False),
    "upstream-504": (status(504), 2, "upstream", False),
    "reset-before-head": (rst("request"), 1, "upstream", False),
    "closed-before-head": (cut("request"), 1, "upstream", False),
    "malformed-head": (message(headers=[["Bad Name", "x"]]), 1, "upstream", False),
    "two-framings": (message(framing="chunked", headers=[["Content-Length", "5"]]), 1, "upstream", False),
    "key-refused": (unauthorized(), 1, "auth", True),
    "not-permitted-once": (forbidden(), 1, "auth", False),
}


@pytest.mark.parametrize(("step", "tries", "reason", "cools"), ROWS.values(), ids=ROWS)
@pytest.mark.usefixtures("pair")
def test_other_account_serves_instead(
    server: Server, installation: Installation, upstream: Upstream, step: Step, tries: int, reason: str, cools: bool
) -> None:
    upstream.script(key_of("a"), step, forever=True)
    answer = ask(server, stream=reason in ("quota", "upstream"))
    assert (answer.status, answer.complete) == (200, True)
    *failed, served = [seen.credential for seen in upstream.requests()]
    assert (set(failed), served) == ({key_of("a")}, key_of("b"))
    record = installation.record(answer)
    assert (record["outcome"], record["account_name"], record["attempts"]) == ("complete", "b", tries + 1)
    attempts = installation.attempts(record)
    assert [one["account_name"] for one in attempts] == ["a"] * tries + ["b"]
    assert {one["reason"] for one in attempts[:-1]} == {reason}
    assert attempts[-1]["reason"] == "served"
    assert (attempts[-2]["cooldown_until"] is not None) is cools
    assert all(key_of("a") not in str(one) for one in attempts)


@pytest.mark.parametrize(
    ("kind", "reason", "encoding"),
    [
        ("overloaded_error", "overloaded", None),
        ("overloaded_error", "overloaded", "gzip"),
        ("rate_limit_error", "burst", "br"),
        ("api_error", "upstream", "zstd"),
    ],
)
@pytest.mark.usefixtures("pair")
def test_error_as_first_event_is_like_its_status(
    server: Server, installation: Installation, upstream: Upstream, kind: str, reason: str, encoding: str | None
) -> None:
    upstream.script(key_of("a"), first_event_error(kind, encoding=encoding), forever=True)
    answer = ask(server, stream=True, headers=[("Accept-Encoding", "gzip, br, zstd")])
    assert answer.status == 200
    assert b"event: error" not in answer.body
    assert answer.body == upstream.requests(key_of("b"))[0].answer_body
    assert {one["reason"] for one in installation.attempts(installation.record(answer))[:-1]} == {reason}


@pytest.mark.usefixtures("pair")
def test_ping_before_an_error_does_not_open_the_gate(server: Server, upstream: Upstream) -> None:
    error = b'data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    body = b": hello\n\nevent: ping\ndata: {}\n\nevent: error\n" + error
    step = status(200, body.decode(), headers=[["Content-Type", "text/event-stream"]], chunk="bytes:9")
    upstream.script(key_of("a"), step | {"drop_headers": ["Content-Type"]}, forever=True)
    answer = ask(server, stream=True)
    assert answer.body == upstream.requests(key_of("b"))[0].answer_body


@pytest.mark.usefixtures("pair")
def test_gate_opens_when_the_first_event_is_late(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    """The head goes out after two seconds; what comes then is the client's, an error too."""
    upstream.script(key_of("a"), hold("late", first_event_error(), at=0))
    client = raw()
    send(client, stream=True)
    head = client.answer_head()
    assert head.status == 200
    upstream.release("late")
    client.read_until(b"overloaded_error")
    assert [seen.credential for seen in upstream.requests()] == [key_of("a")]


@pytest.mark.usefixtures("pair")
def test_gate_holds_the_head_while_the_first_event_is_near(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    upstream.script(key_of("a"), hold("near", first_event_error("rate_limit_error"), at=0))
    client = raw()
    send(client, stream=True)
    upstream.wait_until_held("near")
    upstream.release("near")
    assert client.answer().complete
    assert [seen.credential for seen in upstream.requests()] == [key_of("a"), key_of("b")]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("broken", [cut(0), rst(0), cut(0, framing="length")], ids=["cut", "reset", "short"])
@pytest.mark.usefixtures("pair")
def test_answer_that_breaks_behind_its_head_comes_from_the_next(
    server: Server, installation: Installation, upstream: Upstream, broken: Step, stream: bool
) -> None:
    upstream.script(key_of("a"), broken, forever=True)
    answer = ask(server, stream=stream)
    assert (answer.status, answer.complete) == (200, True)
    record = installation.record(answer)
    assert (record["outcome"], record["account_name"]) == ("complete", "b")
    assert {one["reason"] for one in installation.attempts(record)[:-1]} == {"upstream"}


@pytest.mark.usefixtures("pair")
def test_head_of_an_answer_goes_out_while_its_body_is_late(raw: Callable[[], RawClient], upstream: Upstream) -> None:
    upstream.script(key_of("a"), hold("late-body", message(), at=0))
    client = raw()
    send(client)
    assert client.answer_head().status == 200
    upstream.release("late-body")
    client.read_until(b"usage")


@pytest.mark.usefixtures("pair")
def test_nothing_fails_over_once_an_event_went_out(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    upstream.script(key_of("a"), mid_stream_error(after_events=5))
    answer = ask(server, stream=True)
    (seen,) = upstream.requests()
    assert answer.body == seen.answer_body
    assert b"overloaded_error" in answer.body
    record = installation.record(answer)
    assert (record["outcome"], record["error"]) == ("upstream_broke", "overloaded_error: Overloaded")


@pytest.mark.usefixtures("pair")
def test_refused_connection_goes_to_the_next(server: Server, installation: Installation, upstream: Upstream) -> None:
    installation.accounts("closed", provider="anthropic-compatible", endpoint="http://127.0.0.1:9")
    installation.add_accounts("b")
    answer = ask(server)
    assert answer.status == 200
    attempts = installation.attempts(installation.record(answer))
    assert [(one["account_name"], one["status"], one["reason"]) for one in attempts] == [
        ("closed", None, "upstream"),
        ("closed", None, "upstream"),
        ("b", 200, "served"),
    ]


def test_last_account_is_retried_in_place(server: Server, installation: Installation, upstream: Upstream) -> None:
    installation.accounts("a")
    upstream.script(key_of("a"), [overloaded(), overloaded(), message(text="At last")])
    answer = ask(server)
    assert json.loads(answer.body)["content"][0]["text"] == "At last"
    assert [seen.status for seen in upstream.requests()] == [529, 529, 200]


def test_retries_end_and_the_last_answer_is_passed_on(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    installation.accounts("a")
    upstream.script(key_of("a"), overloaded(), forever=True)
    answer = ask(server)
    seen = upstream.requests()
    assert len(seen) == 3
    assert (answer.status, answer.body) == (529, seen[-1].answer_body)
    assert answer.header("x-should-retry") == "true"
    record = installation.record(answer)
    assert (record["status"], record["outcome"], record["attempts"]) == (529, "complete", 3)


def test_upload_that_may_have_had_an_effect_is_not_repeated(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    installation.accounts("a")
    upstream.script(key_of("a"), status(502), forever=True)
    answer = ask(server, target="/v1/messages/batches")
    assert answer.status == 502
    assert len(upstream.requests()) == 1


def test_model_cool_down_leaves_other_models_alone(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    installation.accounts("a", "b")
    upstream.script(key_of("a"), limited("7d_opus", reset_in_s=900))

    def credentials(model: str) -> list[Any]:
        before = len(upstream.requests())
        assert ask(server, model=model).status == 200
        return [seen.credential for seen in upstream.requests()[before:]]

    assert credentials("claude-opus-4-6") == [key_of("a"), key_of("b")]
    assert credentials("claude-sonnet-4-6") == [key_of("a")]
    (row,) = installation.rows("SELECT family, reason FROM model_cooldowns")
    assert row == {"family": "opus", "reason": "model_quota"}
