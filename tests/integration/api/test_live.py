"""Live streams on a real server with two workers: everybody sees everything, once, and nobody stays behind."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.raw import Pairs, RawClient
from tests.fakes.upstream import Upstream, hold, message
from tests.integration.calls import send
from tests.integration.installation import Installation, key_of
from tests.integration.server import Server, eventually

New = Callable[..., Server]
Inside = Callable[[Server], Installation]


@pytest.fixture
def keys(installation: Installation) -> tuple[str, str]:
    """An account, an admin key and a client key that every worker knows."""
    return known_keys(installation)


def known_keys(installation: Installation) -> tuple[str, str]:
    installation.accounts("a")
    admin, client = installation.key("ci", "admin"), installation.key("laptop")
    for pid in installation.server.worker_pids():
        eventually(lambda pid=pid: status(installation.second_line(pid), admin) == 200)
    return admin, client


def status(line: RawClient, key: str) -> int:
    line.request("GET", "/api/accounts", [("x-api-key", key)])
    return line.answer().status


def listen(line: RawClient, key: str, path: str = "/api/requests/stream", last: str | None = None) -> RawClient:
    """Begin to listen on an open connection."""
    headers: Pairs = [("Authorization", f"Bearer {key}")]
    if last is not None:
        headers.append(("Last-Event-ID", last))
    line.request("GET", path, headers)
    head = line.answer_head()
    assert (head.status, head.header("content-type")) == (200, "text/event-stream; charset=utf-8")
    line.read_until(b"event: connected")
    line.read_until(b"\n\n")
    return line


def event(line: RawClient) -> tuple[str, Any]:
    """Return id and data of the next event."""
    text = line.read_until(b"}\n\n").decode()
    number = text.rpartition("id: ")[2].partition("\n")[0]
    return number, json.loads(text.rpartition("data: ")[2])


def test_listeners_of_every_worker_see_a_request_begin_and_end(
    server: Server, installation: Installation, upstream: Upstream, keys: tuple[str, str]
) -> None:
    admin, client_key = keys
    lines = [listen(installation.second_line(pid), admin) for pid in server.worker_pids()]
    upstream.script(key_of("a"), hold("gate", message(events=6), at=4))
    with server.raw() as client:
        send(client, stream=True, headers=[("Authorization", f"Bearer {client_key}")])
        upstream.wait_until_held("gate")
        begun = [event(line) for line in lines]
        assert {data["type"] for _, data in begun} == {"start"}
        assert {data["payload"]["outcome"] for _, data in begun} == {"running"}
        upstream.release("gate")
        client.read_until(b"message_stop")
    ended = [event(line) for line in lines]
    assert {data["type"] for _, data in ended} == {"summary"}
    assert {data["payload"]["statusCode"] for _, data in ended} == {200}
    assert {data["payload"]["id"] for _, data in begun} == {data["payload"]["id"] for _, data in ended}
    assert {number for number, _ in begun} != {number for number, _ in ended}
    again = listen(installation.second_line(server.worker_pids()[0]), admin, last=begun[0][0])
    assert event(again) == ended[0], "who comes back gets what came since"


def test_connection_is_freed_when_the_listener_leaves(
    server: Server, installation: Installation, keys: tuple[str, str]
) -> None:
    admin, _ = keys
    pid = server.worker_pids()[0]
    line = installation.second_line(pid)
    line.request("GET", "/health")
    line.answer()
    before = open_sockets(pid)
    for path in ("/api/requests/stream", "/api/logs/stream"):
        listener = installation.second_line(pid)
        listen(listener, admin, path)
        eventually(lambda: open_sockets(pid) > before)
        listener.close()
        eventually(lambda: open_sockets(pid) <= before, timeout_s=3)


def test_log_is_followed(server: Server, installation: Installation, keys: tuple[str, str]) -> None:
    admin, _ = keys
    line = listen(installation.second_line(server.worker_pids()[0]), admin, "/api/logs/stream")
    with server.raw() as other:
        other.request("POST", "/api/accounts", [("x-api-key", admin), ("Content-Type", "application/json")], b"{")
        assert other.answer().status == 400
    log_file = Path(server.env["CCFLARE_DATA_DIR"]) / "logs" / "ccflare.log"
    with log_file.open("a") as log:
        log.write("2026-01-01T00:00:00.000Z WARNING app.test [req_1] a line of its own\n")
    while (told := event(line)[1])["message"] != "a line of its own":
        pass
    assert (told["level"], told["requestId"]) == ("warn", "req_1")


@pytest.mark.parametrize("key", [None, "ccf_00000000_x", "client"])
def test_nobody_else_may_listen(server: Server, keys: tuple[str, str], key: str | None) -> None:
    headers = [] if key is None else [("x-api-key", keys[1] if key == "client" else key)]
    with server.raw() as line:
        line.request("GET", "/api/requests/stream", headers)
        answer = line.answer()
    assert answer.status == (403 if key == "client" else 401)
    assert json.loads(answer.body)["error"]


def test_drain_sends_listeners_away(new_server: New, inside: Inside) -> None:
    server = new_server()
    installation = inside(server)
    admin, _ = known_keys(installation)
    lines = [listen(installation.second_line(pid), admin) for pid in server.worker_pids()]
    server.signal(signal.SIGTERM)
    for line in lines:
        assert b"bye" in line.read_until(b"0\r\n\r\n"), "the answer is whole"
    assert server.wait(timeout_s=15) == 0
    assert "requests are cut" not in server.log()


def open_sockets(pid: int) -> int:
    found = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found += str(entry.readlink()).startswith("socket:")
        except OSError:
            continue
    return found
