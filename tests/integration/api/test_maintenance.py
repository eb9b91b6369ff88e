"""Long work over the API of a real server: it holds up nobody."""

import json
from collections.abc import Callable

from sqlalchemy import update

from app.db import transaction
from app.usage.models import Request
from tests.fakes.upstream import Upstream, hold
from tests.integration.calls import HEADERS, ask, body_of
from tests.integration.installation import Installation
from tests.integration.server import Server, eventually

New = Callable[..., Server]
Inside = Callable[[Server], Installation]


def test_doctor_that_waits_for_a_host_keeps_nobody_waiting(new_server: New, inside: Inside, upstream: Upstream) -> None:
    server = new_server(workers=1)
    site = inside(server)
    site.accounts("a")
    key = site.key("ci", "admin")
    eventually(lambda: server.get("/api/accounts", {"x-api-key": key})[0] == 200)
    upstream.script("*", hold("slow"), on="/", forever=True)
    with server.raw(timeout_s=30) as client:
        client.request("GET", "/api/maintenance/doctor", [("x-api-key", key)])
        upstream.wait_for("held:slow")
        assert server.call("POST", "/v1/messages", body_of(), dict([*HEADERS, ("x-api-key", key)]))[0] == 200
        assert server.get("/api/accounts", {"x-api-key": key})[0] == 200
        upstream.release("slow")
        found = json.loads(client.answer().body)
    host = upstream.url.removeprefix("http://")
    checks = {check["subject"]: check for check in found["checks"]}
    assert checks[f"host {host}"]["result"] == "ok"
    assert checks["database"]["result"] == "ok"


def test_pricing_anew_is_done_by_the_leader(server: Server, installation: Installation) -> None:
    installation.accounts("a")
    record = installation.record(ask(server))
    headers = {"x-api-key": installation.key("ci", "admin"), "content-type": "application/json"}
    with installation.entered(), transaction() as session:
        session.execute(update(Request).where(Request.id == record["id"]).values(input_cost=5, cost=5))
    eventually(lambda: server.call("POST", "/api/maintenance/reprice", b"{}", headers)[0] == 202)
    eventually(lambda: server.get("/api/maintenance/reprice", headers) == (200, b"[]"))
    after = installation.rows("SELECT input_cost, cost FROM requests WHERE id = ?", record["id"])
    assert after == [{"input_cost": record["input_cost"], "cost": record["cost"]}]
    assert record["cost"] != 5
