"""What the API of a real server refuses, and how that looks."""

import json
import re
from typing import Any

import pytest

from tests.fakes.raw import RawAnswer
from tests.integration.installation import Installation
from tests.integration.server import Server, eventually

JSON = ("Content-Type", "application/json")


@pytest.fixture(scope="module")
def admin(server: Server, installation: Installation) -> str:
    installation.accounts("a")
    key = installation.key("ci", "admin")
    for pid in server.worker_pids():
        eventually(lambda pid=pid: asked(installation, pid, key))
    return key


def asked(installation: Installation, pid: int, key: str) -> bool:
    line = installation.second_line(pid)
    line.request("GET", "/api/accounts", [("x-api-key", key)])
    return line.answer().status == 200


def call(server: Server, method: str, path: str, key: str | None, body: bytes | None = None, *more: Any) -> RawAnswer:
    headers = [] if key is None else [("x-api-key", key)]
    with server.raw() as line:
        line.request(method, path, [*headers, *(more or [JSON])], body)
        return line.answer()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        pytest.param("GET", "/api/nothing", None, 404, id="unknown path"),
        pytest.param("GET", "/api", None, 404, id="nothing at the top"),
        pytest.param("GET", "/api/accounts/", None, 404, id="slash at the end"),
        pytest.param("GET", "/api/accounts/x", None, 404, id="no number"),
        pytest.param("GET", "/api/accounts/99999999999999999999999", None, 404, id="number beyond all bounds"),
        pytest.param("GET", "/api/accounts/77", None, 404, id="unknown account"),
        pytest.param("GET", "/api/requests/req_0", None, 404, id="no id"),
        pytest.param("PUT", "/api/accounts", b"{}", 405, id="other method"),
        pytest.param("DELETE", "/api/stats", None, 405, id="deletion of what stays"),
        pytest.param("POST", "/api/accounts", b"{", 400, id="cut JSON"),
        pytest.param("POST", "/api/accounts", b'{"name":"a"}', 400, id="missing field"),
        pytest.param(
            "POST", "/api/accounts", b'{"name":"a","mode":"console","apiKey":"x","x":1}', 400, id="unknown field"
        ),
        pytest.param("GET", "/api/requests?limit=0", None, 400, id="limit"),
        pytest.param("GET", "/api/requests?limt=1", None, 400, id="unknown parameter"),
        pytest.param("POST", "/api/accounts", b" " * (2 << 20), 413, id="large body"),
        pytest.param(
            "POST", "/api/accounts", b'{"name":"a","mode":"console","apiKey":"sk-ant-x"}', 409, id="taken name"
        ),
    ],
)
def test_refusal_is_json_with_a_reason(
    server: Server, admin: str, method: str, path: str, body: bytes | None, status: int
) -> None:
    answer = call(server, method, path, admin, body)
    told = json.loads(answer.body)
    assert answer.status == status, told
    assert set(told) == {"error", "details"}
    assert re.fullmatch(r"req_\w{13}", answer.header("x-ccflare-request-id") or "")
    if status == 405:
        assert answer.header("allow")
    if status == 409:
        assert told["details"] == {"name": "is taken"}


def test_body_must_say_that_it_is_json(server: Server, admin: str) -> None:
    form = ("Content-Type", "application/x-www-form-urlencoded")
    assert call(server, "POST", "/api/accounts", admin, b"name=x", form).status == 415


def test_chunked_body_is_bounded(server: Server, admin: str) -> None:
    with server.raw() as line:
        line.send(line.head("POST", "/api/accounts", [("x-api-key", admin), JSON, ("Transfer-Encoding", "chunked")]))
        piece = b"%X\r\n%b\r\n" % (1 << 16, b" " * (1 << 16))
        try:
            for _ in range(20):
                line.send(piece)
            line.send(b"0\r\n\r\n")
        except OSError:
            return
        assert line.answer().status == 413


@pytest.mark.parametrize(
    "path", ["/api/accounts", "/api/requests", "/api/openapi.json", "/metrics", "/api/logs/history"]
)
@pytest.mark.parametrize(
    ("kind", "status"), [("none", 401), ("wrong", 401), ("client", 403), ("revoked", 401), ("foreign", 401)]
)
def test_only_admins_come_in(
    server: Server, installation: Installation, admin: str, path: str, kind: str, status: int
) -> None:
    name = f"{kind} {path}"
    key = {
        "none": lambda: None,
        "wrong": lambda: "ccf_00000000_nothing",
        "client": lambda: installation.key(name),
        "revoked": lambda: revoked(installation, name),
        "foreign": lambda: "sk-ant-api03-x",
    }[kind]()
    answer = eventually(lambda: (found := call(server, "GET", path, key)).status == status and found)
    assert set(json.loads(answer.body)) == {"error", "details"}


def revoked(installation: Installation, name: str) -> str:
    key = installation.key(name, "admin")
    installation.revoke(name)
    return key


def test_metrics_tell_of_all_workers(server: Server, admin: str) -> None:
    def workers() -> bool:
        return b"\nccflare_workers 2\n" in call(server, "GET", "/metrics", admin).body

    assert eventually(workers)
