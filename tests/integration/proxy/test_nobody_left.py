"""When no account can serve, the answer says so in the door's own shape: who, why, and when one comes back."""

import json
from collections.abc import Callable

import pytest

from tests.fakes.raw import RawClient
from tests.fakes.upstream import Upstream, forbidden, limited, status, unauthorized
from tests.integration.calls import ask, error_of, send
from tests.integration.installation import Installation, key_of
from tests.integration.server import Server


def test_pool_without_accounts_says_what_to_do(server: Server, installation: Installation) -> None:
    installation.accounts()
    answer = ask(server)
    code, kind, text = error_of(answer)
    assert (code, kind) == (503, "api_error")
    assert "flask ccflare add-account" in text
    assert (answer.header("retry-after"), answer.header("x-should-retry")) == (None, "false")
    assert json.loads(answer.body)["request_id"] == answer.header("x-ccflare-request-id")
    record = installation.record(answer)
    assert (record["outcome"], record["status"], record["attempts"]) == ("refused", 503, 0)


def test_limits_of_all_make_one_limit(
    raw: Callable[[], RawClient], installation: Installation, upstream: Upstream
) -> None:
    installation.accounts("a", "b")
    upstream.script(key_of("a"), limited("5h", reset_in_s=600))
    upstream.script(key_of("b"), limited("retry-after", reset_in_s=40))
    client = raw()
    for _ in range(2):
        send(client, stream=True)
        answer = client.answer()
        code, kind, text = error_of(answer)
        assert (code, kind) == (429, "rate_limit_error")
        assert 30 < int(answer.header("retry-after") or 0) <= 40
        assert answer.header("x-should-retry") is None
        assert answer.header("content-type") == "application/json"
        assert "a: " in text
        assert "b: " in text
    assert len(upstream.requests()) == 2, "cooling accounts are not asked again"
    record = installation.record(answer)
    assert [name for name, *_ in json.loads(record["refused"])] == ["a", "b"]
    assert key_of("a") not in text


def test_long_wait_is_not_slept_through(server: Server, installation: Installation, upstream: Upstream) -> None:
    installation.accounts("a", "b", "c")
    upstream.script("*", limited("7d", reset_in_s=90_000), forever=True)
    answer = ask(server)
    assert error_of(answer)[0] == 429
    assert (answer.header("retry-after"), answer.header("x-should-retry")) == ("3600", "false")


def test_limit_that_may_pass_at_once_may_be_retried(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    installation.accounts("a", "b")
    upstream.script("*", limited("windowless"), forever=True)
    answer = ask(server)
    assert error_of(answer)[:2] == (429, "rate_limit_error")
    assert (answer.header("retry-after"), answer.header("x-should-retry")) == (None, None)


def test_limit_and_fault_together_are_no_limit(server: Server, installation: Installation, upstream: Upstream) -> None:
    installation.accounts("a", "b")
    upstream.script(key_of("a"), unauthorized())
    upstream.script(key_of("b"), limited("5h", reset_in_s=30))
    answer = ask(server)
    assert error_of(answer)[:2] == (503, "api_error")
    assert int(answer.header("retry-after") or 0) <= 31


@pytest.mark.parametrize("step", [status(503), forbidden()], ids=["outage", "forbidden"])
def test_last_answer_that_was_no_limit_is_passed_on(
    server: Server, installation: Installation, upstream: Upstream, step: dict[str, object]
) -> None:
    installation.accounts("a", "b", "c")
    upstream.script("*", step, forever=True)
    answer = ask(server)
    seen = upstream.requests()[-1]
    assert seen.credential == key_of("c")
    assert (answer.status, answer.body) == (seen.status, seen.answer_body)
    assert answer.header("request-id") is not None


def test_limit_of_the_only_account_is_passed_on(
    raw: Callable[[], RawClient], installation: Installation, upstream: Upstream
) -> None:
    installation.accounts("a")
    upstream.script(key_of("a"), limited("5h", reset_in_s=600))
    client = raw()
    send(client)
    answer = client.answer()
    (seen,) = upstream.requests()
    assert (answer.status, answer.body) == (429, seen.answer_body)
    assert answer.header("anthropic-ratelimit-unified-5h-status") == "rejected"
    send(client)
    assert error_of(client.answer())[:2] == (429, "rate_limit_error"), "while it cools, the proxy answers by itself"
    assert len(upstream.requests()) == 1


def test_paused_account_is_named_with_its_reason(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    installation.accounts("a", "b", paused_at=1, pause_reason="holiday")
    answer = ask(server)
    code, kind, text = error_of(answer)
    assert (code, kind) == (503, "api_error")
    assert "paused (holiday)" in text
    assert answer.header("x-should-retry") == "false", "no retry would end the pause"
    assert upstream.requests() == []
