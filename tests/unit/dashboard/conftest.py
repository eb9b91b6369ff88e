"""Browsers before the dashboard; forms need no token here, which the guard's own tests see to."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.accounts import service
from app.accounts.entry import NewAccount
from app.accounts.overview import AccountView
from app.audit import SYSTEM
from app.runtime import runtime
from tests.unit.browsers import browser


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing is as cheap as it gets, for it is not what is tested here."""
    monkeypatch.setattr("app.access.passwords._MEMORY_KIB", 8)
    monkeypatch.setattr("app.access.passwords._ITERATIONS", 1)


@pytest.fixture
def admin(app: Flask) -> FlaskClient:
    client = browser(app, "admin")
    app.config["WTF_CSRF_ENABLED"] = False
    return client


@pytest.fixture
def viewer(app: Flask) -> FlaskClient:
    client = browser(app, "viewer")
    app.config["WTF_CSRF_ENABLED"] = False
    return client


@pytest.fixture
def add(app: Flask) -> Callable[..., AccountView]:
    """Add an account."""

    def make(name: str = "work", mode: str = "console", **more: object) -> AccountView:
        return service.add(runtime().vault, NewAccount(name, mode, "sk-a-key", **more), SYSTEM)  # type: ignore[arg-type]

    return make
