"""Subscriptions stay logged in: two workers, a token server that is slow, errs, rotates and dies, and kill -9."""

import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.raw import RawClient
from tests.fakes.upstream import Upstream, hold, invalid_grant, rotates_then_cuts, status
from tests.integration.calls import ask, send
from tests.integration.installation import Installation, worker_of
from tests.integration.server import Server, eventually

TOKENS = "/v1/oauth/token"
MESSAGES = "/v1/messages"

Inside = Callable[[Server], Installation]
Make = Callable[..., Server]


def log_in(
    inside: Installation, upstream: Upstream, name: str = "sub", *, left_s: float = -60, priority: int = 0
) -> dict[str, Any]:
    """Add a subscription whose access token has `left_s` to live, and wait until every worker has it."""
    pair = upstream.issue_tokens(account=name)
    given = {**pair, "expires_at": int((time.time() + left_s) * 1000)}
    inside.add_subscription(name, given, "--priority", str(priority))
    return pair


def listed(site: Installation, name: str = "sub") -> dict[str, Any]:
    (found,) = [one for one in site.run("list", "--json").json() if one["name"] == name]
    return dict(found)


@pytest.fixture
def strict(upstream: Upstream) -> Upstream:
    upstream.be_strict()
    return upstream


@pytest.fixture
def site(strict: Upstream, new_server: Make, inside: Inside) -> Installation:
    """Two workers without an account."""
    return inside(new_server())


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Hold the database's write lock."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=10)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


class Lines:
    """Connections of a test to its server."""

    def __init__(self, site: Installation, stack: ExitStack) -> None:
        self._site = site
        self._stack = stack

    def open(self) -> RawClient:
        """Open a connection that is closed after the test."""
        return self._stack.enter_context(self._site.server.raw(timeout_s=30))

    def ask(self) -> tuple[RawClient, int]:
        """Send a request and return its connection and the worker that has it."""
        client = self.open()
        client.request("GET", "/health")
        assert client.answer().status == 200
        worker = worker_of(self._site.server, client)
        send(client)
        return client, worker


@pytest.fixture
def lines(site: Installation) -> Iterator[Lines]:
    with ExitStack() as stack:
        yield Lines(site, stack)


def log_in_refused(inside: Installation, upstream: Upstream) -> None:
    """Add a subscription whose token the upstream refuses: only a request finds out, never the background."""
    upstream.revoke(log_in(inside, upstream, left_s=3600)["access_token"])


def test_two_hundred_requests_at_two_workers_cause_one_refresh(
    strict: Upstream, site: Installation, lines: Lines
) -> None:
    strict.script("*", hold("answer"), on="token")
    log_in(site, strict)
    clients = [lines.open() for _ in range(200)]
    for client in clients:
        send(client)
    strict.wait_until_held("answer")
    workers = {worker_of(site.server, client) for client in clients[::5]}
    strict.release("answer")
    assert [client.answer().status for client in clients] == [200] * 200
    assert len(workers) == 2
    assert len(strict.requests(path=TOKENS)) == 1
    assert {seen.status for seen in strict.requests(path=MESSAGES)} == {200}


def test_worker_killed_before_the_server_rotated_loses_no_account(
    strict: Upstream, site: Installation, lines: Lines
) -> None:
    log_in_refused(site, strict)
    strict.script("*", hold("answer", status(500)), on="token")
    _client, worker = lines.ask()
    strict.wait_until_held("answer")
    site.server.signal(signal.SIGKILL, worker)
    assert ask(site.server).status == 200
    assert listed(site)["health"]["state"] == "ok"
    strict.release("answer")


def test_worker_killed_after_the_commit_loses_nothing(strict: Upstream, site: Installation, lines: Lines) -> None:
    log_in_refused(site, strict)
    client, worker = lines.ask()
    assert client.answer().status == 200
    site.server.signal(signal.SIGKILL, worker)
    eventually(lambda: worker not in site.server.worker_pids() and len(site.server.worker_pids()) == 2)
    assert {ask(site.server).status for _ in range(8)} == {200}
    assert len(strict.requests(path=TOKENS)) == 1


def test_worker_killed_between_rotation_and_a_commit_that_could_not_be_made_loses_nothing(
    strict: Upstream, site: Installation, lines: Lines
) -> None:
    log_in_refused(site, strict)
    strict.script("*", hold("answer"), on="token")
    _client, worker = lines.ask()
    strict.wait_until_held("answer")
    rescued = site.database.parent / "rotated"
    with locked(site.database):
        strict.release("answer")
        eventually(lambda: list(rescued.glob("*.tokens")))
        site.server.signal(signal.SIGKILL, worker)
    assert ask(site.server).status == 200
    assert len(strict.requests(path=TOKENS)) == 1
    assert list(rescued.glob("*.tokens")) == []


def test_rotated_pair_serves_while_the_database_is_locked(strict: Upstream, site: Installation, lines: Lines) -> None:
    log_in_refused(site, strict)
    strict.script("*", hold("answer"), on="token")
    client, _worker = lines.ask()
    strict.wait_until_held("answer")
    with locked(site.database):
        strict.release("answer")
        assert client.answer().status == 200
        send(client)
        assert client.answer().status == 200
    eventually(lambda: site.scalar("SELECT secret_generation FROM accounts") == 2)
    assert {ask(site.server).status for _ in range(8)} == {200}
    assert len(strict.requests(path=TOKENS)) == 1


def test_server_that_is_told_to_stop_waits_for_a_refresh(strict: Upstream, site: Installation) -> None:
    strict.script("*", hold("answer"), on="token")
    pair = log_in(site, strict, left_s=120)
    assert ask(site.server).status == 200
    strict.wait_until_held("answer")
    site.server.signal(signal.SIGTERM)
    eventually(lambda: "Handling signal: term" in site.server.log())
    strict.release("answer")
    assert site.server.wait() == 0
    assert site.scalar("SELECT secret_generation FROM accounts") == 2
    assert pair["refresh_token"] not in strict.live_tokens()["refresh"]


def test_slow_token_server_sends_a_request_to_the_next_account(strict: Upstream, site: Installation) -> None:
    other = log_in(site, strict, "other", left_s=3600, priority=5)
    strict.script("*", hold("answer"), on="token")
    log_in(site, strict)
    began = time.monotonic()
    answer = ask(site.server)
    assert answer.status == 200
    assert time.monotonic() - began >= 10
    assert [seen.credential for seen in strict.requests(path=MESSAGES)] == [other["access_token"]]
    assert ask(site.server).status == 200
    strict.release("answer")
    eventually(lambda: site.scalar("SELECT secret_generation FROM accounts WHERE name = 'sub'") == 2)
    assert listed(site)["health"]["state"] == "ok"
    assert len(strict.requests(path=TOKENS)) == 1


def test_token_server_that_errs_is_asked_ever_less_and_the_account_left_alone(
    strict: Upstream, site: Installation
) -> None:
    log_in(site, strict, "other", left_s=3600, priority=5)
    strict.script("*", status(500), on="token", forever=True)
    log_in(site, strict)
    assert [ask(site.server).status for _ in range(20)] == [200] * 20
    calls = len(strict.requests(path=TOKENS))
    account = listed(site)
    assert 1 <= calls <= 5
    assert account["refresh_error"].startswith("the token server answered 500")
    assert account["health"]["state"] in ("auth_failing", "ok")


def test_refused_token_is_renewed_once_and_the_request_repeated_once(
    strict: Upstream, site: Installation, lines: Lines
) -> None:
    log_in_refused(site, strict)
    clients = [lines.open() for _ in range(50)]
    for client in clients:
        send(client)
    assert [client.answer().status for client in clients] == [200] * 50
    assert len(strict.requests(path=TOKENS)) == 1
    assert len([seen for seen in strict.requests(path=MESSAGES) if seen.status == 200]) == 50


def test_every_worker_uses_the_new_token_when_the_old_one_is_dead_at_once(strict: Upstream, site: Installation) -> None:
    pair = log_in(site, strict, left_s=60)
    for _ in range(2):
        ask(site.server)
    eventually(lambda: site.scalar("SELECT secret_generation FROM accounts") == 2)
    strict.revoke(pair["access_token"])
    for worker in site.server.worker_pids():
        line = site.line(worker)
        send(line)
        assert line.answer().status == 200
    assert len(strict.requests(path=TOKENS)) == 1


@pytest.mark.parametrize("step", [invalid_grant(), rotates_then_cuts()], ids=["revoked", "rotates, then cuts"])
def test_dead_log_in_is_shown_and_a_new_one_brings_the_account_back(
    strict: Upstream, site: Installation, step: dict[str, Any]
) -> None:
    log_in(site, strict, "other", left_s=3600, priority=5)
    strict.script("*", step, on="token")
    log_in(site, strict, priority=3)
    assert ask(site.server).status == 200
    assert listed(site)["health"]["state"] == "needs_reauth"
    before = len(strict.requests(path=TOKENS))
    assert {ask(site.server).status for _ in range(6)} == {200}
    assert len(strict.requests(path=TOKENS)) == before
    begun = site.run("reauthenticate", "sub", "--begin", "--json").json()
    shown = strict.authorize(begun["url"])
    done = site.run("reauthenticate", "sub", "--finish", begun["session"], "--code-stdin", given=shown + "\n")
    assert done.code == 0, done
    account = listed(site)
    assert (account["health"]["state"], account["priority"]) == ("ok", 3)
    eventually(lambda: ask(site.server).status == 200 and _newest_credential(strict) == _newest_token(strict))


def _newest_credential(upstream: Upstream) -> str | None:
    return upstream.requests(path=MESSAGES)[-1].credential


def _newest_token(upstream: Upstream) -> str:
    """Return the token that the last log-in brought."""
    return upstream.live_tokens()["access"][-1]
