"""Sessions and pins live in the database: shared by workers, and still there after a restart."""

from collections.abc import Callable

from tests.fakes.upstream import Upstream, limited
from tests.integration.calls import ask, send
from tests.integration.installation import Installation, key_of
from tests.integration.server import Server, eventually

New = Callable[..., Server]
Inside = Callable[[Server], Installation]


def credentials(upstream: Upstream) -> list[str | None]:
    """Return who was asked so far, in order."""
    return [seen.credential for seen in upstream.requests()]


def start_of(installation: Installation, name: str) -> int | None:
    """Return when an account's session began."""
    found: int | None = installation.scalar("SELECT session_start FROM accounts WHERE name = ?", name)
    return found


def test_session_stays_on_its_account_over_a_restart(new_server: New, inside: Inside, upstream: Upstream) -> None:
    server = new_server()
    installation = inside(server)
    installation.accounts("a", "b", priority=0)
    upstream.script(key_of("a"), limited("retry-after", reset_in_s=1))
    assert ask(server).status == 200
    assert credentials(upstream) == [key_of("a"), key_of("b")]
    begun = eventually(lambda: start_of(installation, "b"))
    eventually(lambda: all(installation.health(pid)["accounts_usable"] == 2 for pid in server.worker_pids()))
    for _ in range(6):
        assert ask(server).status == 200
    assert set(credentials(upstream)[2:]) == {key_of("b")}, "the other one is back, and the session stays"
    assert server.stop()
    server.start()
    for _ in range(4):
        assert ask(server).status == 200
    assert set(credentials(upstream)[2:]) == {key_of("b")}
    assert (start_of(installation, "a"), start_of(installation, "b")) == (None, begun)


def test_session_is_shared_by_the_workers(server: Server, installation: Installation, upstream: Upstream) -> None:
    installation.accounts("a", "b", priority=0)
    upstream.script(key_of("a"), limited("5h", reset_in_s=2))
    first, second = server.worker_pids()
    line = installation.line(first)
    send(line)
    assert line.answer().status == 200
    eventually(lambda: start_of(installation, "b"))
    installation.add_accounts("c", paused_at=1)
    for pid in (first, second):
        eventually(lambda pid=pid: installation.health(pid)["accounts_usable"] == 2)
    line = installation.line(second)
    send(line)
    assert line.answer().status == 200
    assert credentials(upstream) == [key_of("a"), key_of("b"), key_of("b")]


def test_better_priority_takes_the_session_over(server: Server, installation: Installation, upstream: Upstream) -> None:
    installation.accounts("a", "b")
    upstream.script(key_of("a"), limited("retry-after", reset_in_s=1))
    assert ask(server).status == 200
    eventually(lambda: start_of(installation, "b"))
    eventually(lambda: all(installation.health(pid)["accounts_usable"] == 2 for pid in server.worker_pids()))
    assert ask(server).status == 200
    assert credentials(upstream) == [key_of("a"), key_of("b"), key_of("a")]


def test_client_sessions_stay_where_they_are(new_server: New, inside: Inside, upstream: Upstream) -> None:
    server = new_server(LB_STRATEGY="session-affinity")
    installation = inside(server)
    installation.accounts("a", "b", priority=0)

    def served(session: str) -> str | None:
        before = len(upstream.requests())
        assert ask(server, headers=[("x-claude-code-session-id", session)]).status == 200
        return upstream.requests()[before].credential

    homes = {f"session-{number}": served(f"session-{number}") for number in range(4)}
    assert {row["session_id"] for row in installation.rows("SELECT session_id FROM session_pins")} == set(homes)
    for session, home in homes.items():
        assert [served(session) for _ in range(2)] == [home] * 2
    assert server.stop()
    server.start()
    assert {session: served(session) for session in homes} == homes

    moved, home = next(iter(homes.items()))
    other = ({key_of("a"), key_of("b")} - {home}).pop()
    upstream.script(str(home), limited("retry-after", reset_in_s=1))
    before = len(upstream.requests())
    assert ask(server, headers=[("x-claude-code-session-id", moved)]).status == 200
    assert credentials(upstream)[before:] == [home, other]


def test_session_of_the_body_is_recorded(server: Server, installation: Installation, upstream: Upstream) -> None:
    installation.accounts("a", "b", "c")
    session = "0c1d2e3f-1111-2222-3333-444455556666"
    user = f"user_abc_account__session_{session}"
    headers = [("x-claude-code-agent-id", "agent-1"), ("x-claude-code-parent-agent-id", "agent-0")]
    record = installation.record(ask(server, metadata={"user_id": user}, headers=headers))
    assert record["session_id"] == session
    assert (record["agent_id"], record["parent_agent_id"]) == ("agent-1", "agent-0")
