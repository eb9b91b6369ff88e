"""A worker killed under load, a database that is locked or cannot be written: no finished record is lost."""

import signal
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing

from app.values import id_from_text
from tests.fakes.upstream import Upstream, hold, limited, message
from tests.integration.calls import ask, request_id_of, send
from tests.integration.installation import Installation, key_of
from tests.integration.load import Load
from tests.integration.server import Server, eventually

New = Callable[..., Server]
Inside = Callable[[Server], Installation]
LOCKED_S = 10


def outcomes(installation: Installation) -> dict[int, str | None]:
    """Return the outcome of every request by its id."""
    return {row["id"]: row["outcome"] for row in installation.rows("SELECT id, outcome FROM requests")}


def check_all_recorded(installation: Installation, load: Load) -> None:
    """Check that every answer that came whole has one complete record, and that nothing stays open."""
    wanted = {id_from_text(request_id_of(answer)) for answer in load.whole}
    assert len(wanted) == len(load.whole)
    eventually(lambda: all(outcomes(installation).get(one) for one in wanted), timeout_s=20)
    found = outcomes(installation)
    assert {found[one] for one in wanted} == {"complete"}
    eventually(lambda: None not in outcomes(installation).values(), timeout_s=20)


def test_killed_worker_takes_no_finished_record_along(new_server: New, inside: Inside, upstream: Upstream) -> None:
    server = new_server()
    installation = inside(server)
    installation.accounts("a")
    upstream.script(key_of("a"), message(events=20, event_delay_s=0.003), forever=True)
    with Load(server) as load:
        for _ in range(2):
            load.wait_for(40)
            victim = server.worker_pids()[0]
            server.signal(signal.SIGKILL, victim)
            eventually(lambda victim=victim: victim not in server.worker_pids(), timeout_s=20)
        load.wait_for(40)
    check_all_recorded(installation, load)
    left = set(outcomes(installation).values())
    assert left <= {"complete", "cut_by_shutdown"}
    assert installation.scalar("SELECT count(*) FROM attempts") == installation.scalar(
        "SELECT sum(attempts) FROM requests"
    )


def test_what_a_killed_worker_had_running_is_closed(new_server: New, inside: Inside, upstream: Upstream) -> None:
    server = new_server(workers=1)
    installation = inside(server)
    installation.accounts("a")
    upstream.script(key_of("a"), hold("middle", message(events=6), at=4))
    with server.raw() as client:
        send(client, stream=True, headers=[("x-claude-code-session-id", "running")])
        upstream.wait_until_held("middle")
        eventually(lambda: outcomes(installation))
        server.signal(signal.SIGKILL, server.worker_pids()[0])
        record = installation.final("SELECT * FROM requests")
    assert (record["outcome"], record["session_id"]) == ("cut_by_shutdown", "running")
    assert record["ended_at"] >= record["started_at"]


def test_locked_database_costs_no_request_and_no_record(new_server: New, inside: Inside, upstream: Upstream) -> None:
    server = new_server()
    installation = inside(server)
    installation.accounts("a", "b")
    upstream.script(key_of("b"), message(events=20, event_delay_s=0.003), forever=True)
    over = threading.Event()
    with closing(sqlite3.connect(installation.database, isolation_level=None)) as other, Load(server) as load:
        load.wait_for(20)
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(LOCKED_S, over.set)
        timer.start()
        upstream.script(key_of("a"), limited("5h", reset_in_s=600), forever=True)
        before = len(load.whole)
        while not over.is_set():
            load.wait_for(10)
        during = len(load.whole) - before
        assert server.get("/health/ready")[0] == 503
        other.execute("ROLLBACK")
        load.wait_for(20)
    assert load.failed == []
    assert during > 50
    check_all_recorded(installation, load)
    assert set(outcomes(installation).values()) == {"complete"}
    assert len(upstream.requests(key_of("a"))) >= 1
    eventually(lambda: installation.scalar("SELECT cooldown_reason FROM accounts WHERE name = 'a'") == "quota")
    eventually(server.is_ready)


def test_database_that_refuses_writes_costs_nothing(new_server: New, inside: Inside, upstream: Upstream) -> None:
    server = new_server()
    installation = inside(server)
    installation.accounts("a", "b")
    with closing(sqlite3.connect(installation.database, isolation_level=None, timeout=20)) as other:
        other.execute("ALTER TABLE requests RENAME TO requests_away")
        other.execute("CREATE TRIGGER stop BEFORE UPDATE ON accounts BEGIN SELECT RAISE(FAIL, 'no room'); END")
        upstream.script(key_of("a"), limited("5h", reset_in_s=600), forever=True)
        with Load(server, threads=3) as load:
            load.wait_for(30)
        eventually(lambda: "ingest failed and will be tried again" in server.log())
        assert other.execute("SELECT count(*) FROM requests_away").fetchone() == (0,)
        other.execute("DROP TRIGGER stop")
        other.execute("ALTER TABLE requests_away RENAME TO requests")
    assert load.failed == []
    check_all_recorded(installation, load)
    eventually(lambda: installation.scalar("SELECT cooldown_reason FROM accounts WHERE name = 'a'") == "quota")
    assert len(upstream.requests(key_of("a"))) <= 12, "each worker benches it by itself"


def test_records_survive_a_server_that_is_killed_whole(new_server: New, inside: Inside, upstream: Upstream) -> None:
    server = new_server(workers=1)
    installation = inside(server)
    installation.accounts("a")
    with closing(sqlite3.connect(installation.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answers = [ask(server, stream=True) for _ in range(5)]
        server.stop(timeout_s=0)
        assert other.execute("SELECT count(*) FROM requests").fetchone() == (0,)
        other.execute("ROLLBACK")
    server.start()
    assert [installation.record(answer)["outcome"] for answer in answers] == ["complete"] * 5
