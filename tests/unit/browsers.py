"""Browsers and programs before an application, without a socket: who they are, and what they hold."""

import re
from contextvars import Context
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.access import keys, users
from app.access.users import NewUser
from app.audit import SYSTEM
from app.db import transaction
from app.runtime import runtime

PASSWORD = "a long enough password"


class Client(FlaskClient):
    """A client whose every request has an application context of its own, as on a server."""

    def open(self, *arguments: Any, **options: Any) -> TestResponse:
        """Send a request."""
        found: TestResponse = Context().run(super().open, *arguments, **options)
        return found


def stranger(app: Flask) -> FlaskClient:
    """Return a browser, or a program, that nobody knows yet."""
    app.test_client_class = Client
    return app.test_client()


def browser(app: Flask, role: str | None = "admin") -> FlaskClient:
    """Return a browser that is logged in as a user of a role, or as nobody."""
    client = stranger(app)
    if role is not None:
        if role not in {user.name for user in users.all_users()}:
            users.create_user(NewUser(role, PASSWORD, role), SYSTEM)
        answer = client.post("/login", data={"name": role, "password": PASSWORD, "csrf_token": token_of(client)})
        assert answer.status_code == 303, answer.text
    return client


def token_of(client: FlaskClient, path: str = "/login") -> str:
    """Return the form token that a page gives."""
    found = re.search(r'name="csrf-token" content="([^"]+)"', client.get(path, follow_redirects=True).text)
    assert found is not None
    return found[1]


def key(app: Flask, role: str = "admin") -> str:
    """Return a new key that is in force."""
    run = runtime()
    with transaction() as session:
        made = keys.make(session, run.pepper, f"key of {role}", role, "test").key
    run.keys.load()
    return made
