"""Log-ins over the API, as its guard would let them in."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, g, request
from flask.testing import FlaskClient

from app.api import oauth as views
from app.api.oauth import oauth
from app.audit import AuditEntry
from app.db import db, reading
from app.factory import create_app
from app.gate import refusals
from app.gate.visitors import Visitor
from tests.fakes.upstream import Upstream
from tests.unit.accounts.logins import settings_for


@pytest.fixture
def site(up: Upstream, environment: dict[str, str]) -> Iterator[Flask]:
    app = create_app(settings_for(up, environment))
    app.before_request_funcs.clear()
    app.register_blueprint(oauth, name="trial", url_prefix="/api/trial/oauth")
    app.before_request(_admit)
    refusals.install(app)
    with app.app_context():
        yield app
        db.engine.dispose()


def _admit() -> None:
    """Stand in for the guard: a person by a cookie of the test, or a program with an admin key."""
    person = request.headers.get("x-test-person")
    g.visitor = Visitor(person, "admin", user_id=1) if person else Visitor("ci", "admin", key_id="k1")


@pytest.fixture
def client(site: Flask, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setattr(views, "own_cookie", lambda: f"cookie of {request.headers.get('x-test-browser')}")
    return site.test_client()


def begin(client: FlaskClient, headers: dict[str, str] | None = None, **body: Any) -> Any:
    return client.post("/api/trial/oauth/init", json={"name": "work", "mode": "max", **body}, headers=headers)


def finish(client: FlaskClient, begun: Any, pasted: str, headers: dict[str, str] | None = None) -> Any:
    body = {"sessionId": begun["sessionId"], "code": pasted}
    return client.post("/api/trial/oauth/callback", json=body, headers=headers)


def test_program_logs_an_account_in(client: FlaskClient, up: Upstream) -> None:
    begun = begin(client, priority=4).get_json()
    assert begun["step"] == "authorize"
    done = finish(client, begun, up.authorize(begun["authUrl"]))
    assert done.status_code == 200
    assert done.get_json()["account"]["credential"] == "oauth"
    with reading() as session:
        assert session.query(AuditEntry).filter_by(action="account.add").one().actor == "key:ci"


def test_person_finishes_in_the_browser_that_began(client: FlaskClient, up: Upstream) -> None:
    mine, other = ({"x-test-person": "ann", "x-test-browser": browser} for browser in ("one", "two"))
    begun = begin(client, mine).get_json()
    pasted = up.authorize(begun["authUrl"])
    assert finish(client, begun, pasted, other).status_code == 403
    assert finish(client, begun, pasted).status_code == 403
    assert finish(client, begun, pasted, mine).status_code == 200


def test_account_logs_in_again(client: FlaskClient, up: Upstream) -> None:
    begun = begin(client).get_json()
    account = finish(client, begun, up.authorize(begun["authUrl"])).get_json()["account"]
    again = client.post("/api/trial/oauth/init", json={"account": "work"}).get_json()
    assert finish(client, again, up.authorize(again["authUrl"])).get_json()["account"]["id"] == account["id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"name": ""}, "name", id="no name"),
        pytest.param({"name": 7}, "name", id="a number for a name"),
        pytest.param({"mode": "zai"}, "mode", id="mode of a key"),
        pytest.param({"priority": "high"}, "priority", id="words for a priority"),
        pytest.param({"priority": True}, "priority", id="a switch for a priority"),
        pytest.param({"customEndpoint": "ftp://x"}, "customEndpoint", id="endpoint"),
        pytest.param({"tier": 5}, "tier", id="unknown"),
    ],
)
def test_wrong_field_is_named(client: FlaskClient, body: dict[str, Any], field: str) -> None:
    answer = client.post("/api/trial/oauth/init", json={"name": "work", "mode": "max", **body})
    assert answer.status_code == 400
    assert list(answer.get_json()["details"]) == [field]


@pytest.mark.parametrize("content", ["", "[]", "{", "7"])
def test_body_must_be_an_object(client: FlaskClient, content: str) -> None:
    for verb in ("init", "callback"):
        answer = client.post(f"/api/trial/oauth/{verb}", data=content, content_type="application/json")
        assert answer.status_code == 400


def test_unknown_session_is_not_found(client: FlaskClient) -> None:
    assert finish(client, {"sessionId": "nope"}, "code#state").status_code == 404
