"""While another process holds the database's lock, requests and liveness go on."""

import select
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing

from tests.fakes.upstream import Upstream
from tests.integration.calls import ask
from tests.integration.installation import Installation, key_of
from tests.integration.server import Server

PROBES = 12
PIN = "INSERT INTO session_pins (session_id, account_id, used_at) SELECT 's', id, 1e15 FROM accounts WHERE name = ?"


def test_probes_that_wait_for_the_lock_hold_up_no_request(
    new_server: Callable[..., Server], inside: Callable[[Server], Installation], upstream: Upstream
) -> None:
    server = new_server(workers=1, LB_STRATEGY="session-affinity")
    installation = inside(server)
    installation.accounts("a", "b", priority=0)
    with closing(sqlite3.connect(installation.database, isolation_level=None)) as other, ExitStack() as stack:
        other.execute(PIN, ("b",))
        other.execute("BEGIN IMMEDIATE")
        probes = [stack.enter_context(server.raw(timeout_s=30)) for _ in range(PROBES)]
        for probe in probes:
            probe.request("GET", "/health/ready")
        assert server.get("/health")[0] == 200
        assert ask(server, headers=[("x-claude-code-session-id", "s")]).status == 200
        answered, _, _ = select.select([probe.sock for probe in probes], [], [], 0)
        assert not answered, "the probes still wait"
        assert [seen.credential for seen in upstream.requests()] == [key_of("b")]
        assert {probe.answer().status for probe in probes} == {503}
        other.execute("ROLLBACK")
    assert server.is_ready()
