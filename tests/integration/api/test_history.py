"""Files of any size from a real server: made on threads, sent from the event loop."""

import json

from tests.fakes.upstream import Upstream
from tests.integration.calls import ask
from tests.integration.installation import Installation
from tests.integration.server import Server, eventually


def test_history_is_exported_whole(server: Server, installation: Installation, upstream: Upstream) -> None:
    installation.accounts("a")
    for _ in range(3):
        installation.record(ask(server))
    key = installation.key("ci", "admin")
    headers = {"x-api-key": key}
    eventually(lambda: server.get("/api/accounts", headers)[0] == 200)
    status, body = eventually(
        lambda: (found := server.get("/api/requests/export?format=jsonl", headers))[0] == 200 and found
    )
    lines = [json.loads(line) for line in body.splitlines()]
    assert [line["status"] for line in lines] == [200] * 3
    assert [line["id"] for line in lines] == sorted((line["id"] for line in lines), reverse=True)
    assert status == 200
