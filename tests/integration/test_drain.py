"""SIGTERM and SIGHUP with streams running: they end on their own, nothing new begins, everything is written down."""

import fcntl
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, create_engine, text

from tests.databases import postgres
from tests.fakes.raw import RawClient
from tests.fakes.upstream import Upstream, hold, message
from tests.integration.calls import ask, send
from tests.integration.installation import Installation, key_of, worker_of
from tests.integration.server import ROOT, Server, eventually

New = Callable[..., Server]
Inside = Callable[[Server], Installation]


def ready(line: RawClient) -> tuple[int, str | None]:
    """Return status and reason of the readiness on a kept-alive connection."""
    line.request("GET", "/health/ready")
    answer = line.answer()
    return answer.status, json.loads(answer.body)["reason"]


def begin_stream(client: RawClient, upstream: Upstream, name: str, at: int = 4) -> None:
    """Begin a stream that stops after some events, until its gate is released."""
    upstream.script(key_of("a"), hold(name, message(events=6), at=at))
    send(client, stream=True)
    upstream.wait_until_held(name)
    client.read_until(b"content_block_delta")


def test_running_streams_end_on_their_own(new_server: New, inside: Inside, upstream: Upstream) -> None:
    server = new_server(CCFLARE_DRAIN_S="90")
    installation = inside(server)
    installation.accounts("a")
    watchers = {pid: installation.line(pid) for pid in server.worker_pids()}
    with server.raw() as client, server.raw() as idle, server.raw() as used:
        begin_stream(client, upstream, "middle")
        send(used)
        assert used.answer().status == 200
        worker = next(pid for pid in watchers if installation.serves(pid, client))
        watcher = watchers[worker]
        assert ready(watcher) == (200, None)
        server.signal(signal.SIGTERM)
        eventually(lambda: ready(watcher) == (503, "the worker is draining"))
        assert _is_refused(server)
        assert idle.is_closed()
        assert used.is_closed()
        upstream.release("middle")
        assert b"message_stop" in client.read_until(b"0\r\n\r\n")
        assert server.wait(timeout_s=20) == 0
    record = installation.final("SELECT * FROM requests WHERE stream")
    assert (record["outcome"], record["is_partial"], record["account_name"]) == ("complete", 0, "a")


def test_idle_connections_do_not_hold_the_shutdown_up(new_server: New) -> None:
    server = new_server(workers=1, CCFLARE_DRAIN_S="600")
    with server.raw() as used, server.raw(), server.raw() as watcher:
        used.request("HEAD", "/")
        assert used.answer(bodyless=True).status == 200
        assert ready(watcher) == (200, None)
        server.signal(signal.SIGTERM)
        assert server.wait(timeout_s=20) == 0
    assert "Traceback" not in server.log()


def test_body_that_never_comes_does_not_outlast_the_drain(new_server: New, inside: Inside) -> None:
    server = new_server(workers=1, CCFLARE_DRAIN_S="1")
    installation = inside(server)
    with server.raw() as client:
        client.send(client.head("POST", "/login", length=100) + b"name=")
        eventually(lambda: installation.rows("SELECT * FROM worker_states"))
        server.signal(signal.SIGTERM)
        assert client.is_closed()
        server.wait(timeout_s=30)
    assert installation.rows("SELECT * FROM worker_states") == [], "a worker that is killed does not take its leave"


def test_reload_serves_on_with_new_workers(new_server: New, inside: Inside, upstream: Upstream) -> None:
    server = new_server(CCFLARE_DRAIN_S="90")
    installation = inside(server)
    installation.accounts("a")
    old = set(server.worker_pids())
    with server.raw() as client, server.raw() as other:
        begin_stream(client, upstream, "across")
        send(other)
        assert other.answer().status == 200
        server.signal(signal.SIGHUP)
        eventually(lambda: set(server.worker_pids()) - old, timeout_s=20)
        assert other.is_closed(), "an idle client connects anew, to a new worker"
        for _ in range(10):
            assert ask(server).status == 200
        upstream.release("across")
        assert b"message_stop" in client.read_until(b"0\r\n\r\n")
    eventually(lambda: not old & set(server.worker_pids()), timeout_s=20)
    eventually(lambda: installation.scalar("SELECT count(*) FROM requests WHERE outcome = 'complete'") == 12)
    assert installation.scalar("SELECT count(*) FROM requests") == 12


_GATE = """
import fcntl, os, sys

def stop_at_the_gate(event, arguments):
    if event == "import" and arguments[0] == "app.factory":
        with open(os.environ["GATE"]) as gate:
            fcntl.flock(gate, fcntl.LOCK_SH)

sys.addaudithook(stop_at_the_gate)
"""


def test_old_worker_serves_until_the_new_one_is_ready(new_server: New, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_GATE)
    with (tmp_path / "gate").open("w") as gate:
        server = new_server(workers=1, GATE=gate.name, PYTHONPATH=f"{tmp_path}:{ROOT}")
        (old,) = server.worker_pids()
        fcntl.flock(gate, fcntl.LOCK_EX)
        server.signal(signal.SIGHUP)
        eventually(lambda: "this one serves on" in server.log())
        assert server.get("/health/ready")[0] == 200
        fcntl.flock(gate, fcntl.LOCK_UN)
        eventually(lambda: old not in server.worker_pids())
        assert server.get("/health/ready")[0] == 200


def test_stop_waits_for_no_worker_that_starts(new_server: New, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_GATE)
    with (tmp_path / "gate").open("w") as gate:
        server = new_server(workers=1, GATE=gate.name, PYTHONPATH=f"{tmp_path}:{ROOT}")
        fcntl.flock(gate, fcntl.LOCK_EX)
        server.signal(signal.SIGTTIN)
        eventually(lambda: len(server.worker_pids()) == 2)
        server.signal(signal.SIGTERM)
        assert server.wait(timeout_s=20) == 0


def test_stream_beyond_the_drain_time_is_cut_and_counted(new_server: New, inside: Inside, upstream: Upstream) -> None:
    server = new_server(workers=1, CCFLARE_DRAIN_S="0.5")
    installation = inside(server)
    installation.accounts("a", "b")
    with server.raw() as client, server.raw() as silent:
        begin_stream(client, upstream, "for ever")
        upstream.script(key_of("a"), hold("no head"))
        send(silent, stream=True)
        upstream.wait_until_held("no head")
        server.signal(signal.SIGTERM)
        assert not _rest_is_whole(client)
        assert silent.is_closed()
        upstream.wait_until_peer_closed(2)
        assert server.wait(timeout_s=20) == 0
    assert "2 requests are cut" in server.log()
    rows = installation.rows("SELECT outcome, is_partial, output_tokens FROM requests ORDER BY id")
    assert [row["outcome"] for row in rows] == ["cut_by_shutdown"] * 2
    assert rows[0]["is_partial"] == 1
    assert rows[0]["output_tokens"] is not None


_WITNESS = """
import os, sys

class Witness:
    pid_of, tell = staticmethod(os.getpid), sys.stderr.write

    def __del__(self):
        self.tell(f"interpreter of {self.pid_of()} taken apart\\n")

sys.witness = Witness()
"""


def test_worker_ends_at_once_and_leaves_one_whole_file(new_server: New, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_WITNESS)
    server = new_server(workers=1, PYTHONPATH=f"{tmp_path}:{ROOT}")
    (worker,) = server.worker_pids()
    server.signal(signal.SIGTERM)
    assert server.wait(timeout_s=20) == 0
    assert f"interpreter of {server.pid} taken apart" in server.log()
    assert f"interpreter of {worker} taken apart" not in server.log(), "a native thread might still wait in it"
    assert not list((server.folder / "data").glob("ccflare.db-*"))


@pytest.fixture
def address() -> Iterator[URL]:
    """Where a PostgreSQL database of the test's own is."""
    with postgres() as databases:
        if databases is None:
            pytest.skip("no PostgreSQL is installed, and CCFLARE_TEST_POSTGRES_URL names no server")
        with databases.database() as found:
            yield found


@pytest.mark.postgres
def test_worker_ends_well_though_a_thread_waits_for_the_database(address: URL, new_server: New) -> None:
    server = new_server(workers=1, DATABASE_URL=address.render_as_string(hide_password=False))
    engine = create_engine(address)
    with engine.connect() as connection:
        connection.execute(text("LOCK TABLE pulse IN ACCESS EXCLUSIVE MODE"))
        eventually(lambda: _is_waited(connection))
        server.signal(signal.SIGTERM)
        eventually(lambda: "Worker exiting" in server.log(), every_s=0.001)
    engine.dispose()
    assert server.wait(timeout_s=20) == 0
    assert "was sent SIG" not in server.log()
    assert "exited with code" not in server.log()


@pytest.mark.postgres
def test_server_outlives_a_database_that_is_away_when_a_worker_is_replaced(address: URL, new_server: New) -> None:
    server = new_server(workers=2, DATABASE_URL=address.render_as_string(hide_password=False))
    serving: set[int] = set()
    eventually(lambda: serving.add(_worker_that_answers(server)) or len(serving) == 2)
    victim, other = serving
    engine = create_engine(address.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        name = address.database
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        gone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
        connection.execute(text(gone), {"name": name})
        server.signal(signal.SIGKILL, victim)
        eventually(lambda: server.log().count("ccflare cannot start") >= 2)
        assert other in server.worker_pids()
        assert server.get("/health")[0] == 200
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    engine.dispose()
    eventually(lambda: len(server.worker_pids()) == 2 and server.is_ready())


def _worker_that_answers(server: Server) -> int:
    with server.raw() as line:
        line.request("HEAD", "/")
        assert line.answer(bodyless=True).status == 200
        return worker_of(server, line)


def _is_waited(connection: Connection) -> bool:
    """Whether somebody waits for a lock of this connection's database."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(connection.execute(text(waiting)).scalar_one())


def _rest_is_whole(client: RawClient) -> bool:
    """Whether a chunked answer, of which a part was read, comes to its good end."""
    try:
        client.read_until(b"0\r\n\r\n")
    except ConnectionError:
        return False
    return True


def _is_refused(server: Server) -> bool:
    """Whether no new connection is taken; the listener closes within a second."""

    def refused() -> bool:
        try:
            server.get("/health")
        except OSError:
            return True
        return False

    return eventually(refused)
