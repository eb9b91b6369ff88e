"""The whole application behind its guard, and callers of every role."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.access import keys
from app.access.users import NewUser, create_user
from app.audit import Actor
from app.db import transaction
from app.runtime import runtime

Call = Callable[..., TestResponse]
PASSWORD = "a long enough pass phrase"


@pytest.fixture
def admin_key(app: Flask) -> str:
    with transaction() as session:
        key = keys.make(session, runtime().pepper, "ci", "admin", "test").key
    runtime().keys.load()
    return key


@pytest.fixture
def call(app: Flask, admin_key: str) -> Call:
    """Call the API with an admin key; a body is sent as JSON."""
    client = app.test_client()

    def send(method: str, path: str, body: Any = None, **more: Any) -> TestResponse:
        given = {} if body is None else {"json": body}
        return client.open(path, method=method, headers={"x-api-key": admin_key}, **given, **more)

    return send


@pytest.fixture
def viewer(app: Flask) -> FlaskClient:
    """A browser in which a viewer has logged in."""
    app.config["WTF_CSRF_ENABLED"] = False
    create_user(NewUser("vera", PASSWORD, "viewer"), Actor("test"))
    client = app.test_client()
    answer = client.post("/login", data={"name": "vera", "password": PASSWORD})
    assert answer.status_code == 302
    return client
