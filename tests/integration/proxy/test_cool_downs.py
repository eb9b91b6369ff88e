"""A cool-down is in the database before the next account is tried, and soon in force in every worker."""

from collections.abc import Callable

from tests.fakes.upstream import Upstream, hold, limited, unauthorized
from tests.integration.calls import ask, send
from tests.integration.installation import Installation, key_of
from tests.integration.server import Server, eventually


def test_cool_down_is_stored_before_the_next_account_is_asked(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    installation.accounts("a", "b")
    upstream.script(key_of("a"), limited("5h", reset_in_s=600))
    upstream.script(key_of("b"), hold("next"))
    with server.raw() as client:
        send(client)
        (point,) = upstream.wait_until_held("next")
        (row,) = installation.rows("SELECT cooldown_until, cooldown_reason FROM accounts WHERE name = 'a'")
        assert row["cooldown_reason"] == "quota"
        assert 590_000 < row["cooldown_until"] - point["at"] <= 601_000
        upstream.release("next")
        assert client.answer().status == 200


def test_other_worker_soon_knows(server: Server, installation: Installation, upstream: Upstream) -> None:
    installation.accounts("a", "b", "c")
    first, second = server.worker_pids()
    upstream.script(key_of("a"), limited("5h", reset_in_s=600))
    line = installation.line(first)
    send(line)
    assert line.answer().status == 200
    eventually(lambda: installation.health(second)["accounts_usable"] == 2, timeout_s=2, every_s=0.02)
    before = len(upstream.requests())
    line = installation.line(second)
    send(line)
    assert line.answer().status == 200
    assert [seen.credential for seen in upstream.requests()[before:]] == [key_of("b")]


def test_no_worker_asks_a_cooling_account(server: Server, installation: Installation, upstream: Upstream) -> None:
    installation.accounts("a", "b")
    upstream.script(key_of("a"), unauthorized(), forever=True)
    assert ask(server).status == 200
    for pid in server.worker_pids():
        eventually(lambda pid=pid: installation.health(pid)["accounts_usable"] == 1)
    for _ in range(12):
        assert ask(server).status == 200
    assert len(upstream.requests(key_of("a"))) == 1


def test_cool_down_survives_a_restart(
    new_server: Callable[..., Server], inside: Callable[[Server], Installation], upstream: Upstream
) -> None:
    server = new_server(workers=1)
    installation = inside(server)
    installation.accounts("a", "b")
    upstream.script(key_of("a"), limited("5h", reset_in_s=600))
    assert ask(server).status == 200
    assert server.stop()
    server.start()
    assert ask(server).status == 200
    assert [seen.credential for seen in upstream.requests()] == [key_of("a"), key_of("b"), key_of("b")]


def test_side_by_side_limits_bench_an_account_once(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    """Two bare 429 at the same moment are one event: the first one costs no cool-down."""
    installation.accounts("a", "b")
    upstream.script(key_of("a"), [hold("both", limited("windowless")) for _ in range(2)])
    pid = server.worker_pids()[0]
    one, other = installation.line(pid), installation.second_line(pid)
    send(one)
    send(other)
    upstream.wait_until_held("both", 2)
    upstream.release("both")
    assert (one.answer().status, other.answer().status) == (200, 200)
    (row,) = installation.rows("SELECT cooldown_until, streak FROM accounts WHERE name = 'a'")
    assert row == {"cooldown_until": None, "streak": 1}
