"""The whole application behind its guard, and callers of every role."""

from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.access import keys
from app.access.users import NewUser, create_user
from app.api.openapi import described, document
from app.audit import Actor
from app.db import transaction
from app.runtime import runtime

Call = Callable[..., TestResponse]
Check = Callable[[str, TestResponse], TestResponse]
PASSWORD = "a long enough pass phrase"


@pytest.fixture
def check(app: Flask) -> Check:
    """Hold an answer against the document: its status is told there, and its body is as told."""
    told = document(app)
    addresses = {(one.rule, one.method): one.path for one in described(app)}

    def checked(method: str, answer: TestResponse) -> TestResponse:
        adapter = app.url_map.bind("localhost")
        rule, _ = adapter.match(answer.request.path, method, return_rule=True)
        operation = told["paths"][addresses[rule.rule, method.lower()]][method.lower()]
        assert str(answer.status_code) in operation["responses"], answer.get_data(as_text=True)
        contents = operation["responses"][str(answer.status_code)]["content"]
        assert answer.mimetype in contents
        if answer.mimetype == "application/json":
            schema = contents[answer.mimetype]["schema"] | {"components": told["components"]}
            jsonschema_rs.validator_for(schema).validate(answer.get_json())
        return answer

    return checked


@pytest.fixture
def admin_key(app: Flask) -> str:
    with transaction() as session:
        key = keys.make(session, runtime().pepper, "ci", "admin", "test").key
    runtime().keys.load()
    return key


@pytest.fixture
def call(app: Flask, admin_key: str, check: Check) -> Call:
    """Call the API with an admin key; a body is sent as JSON, the answer is held against the document."""
    client = app.test_client()

    def send(method: str, path: str, body: Any = None, **more: Any) -> TestResponse:
        given = {} if body is None else {"json": body}
        headers = {"x-api-key": admin_key} | more.pop("headers", {})
        return check(method, client.open(path, method=method, headers=headers, **given, **more))

    return send


@pytest.fixture
def viewer(app: Flask) -> FlaskClient:
    """A browser in which a viewer has logged in."""
    app.config["WTF_CSRF_ENABLED"] = False
    create_user(NewUser("vera", PASSWORD, "viewer"), Actor("test"))
    client = app.test_client()
    answer = client.post("/login", data={"name": "vera", "password": PASSWORD})
    assert answer.status_code == 303
    return client
