from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

from app.accounts import service
from app.accounts.overview import AccountView
from app.audit import SYSTEM
from app.dashboard.navigation import pool_pulse
from app.runtime import runtime

Add = Callable[..., AccountView]


def test_visitor_is_shown_the_pages_of_the_role(viewer: FlaskClient, admin: FlaskClient) -> None:
    assert 'href="/dashboard/keys"' in admin.get("/dashboard/accounts").text
    assert 'href="/dashboard/keys"' not in viewer.get("/dashboard/accounts").text


def test_page_of_one_thing_counts_as_the_page_of_all(admin: FlaskClient, add: Add) -> None:
    for path in ("accounts", f"accounts/{add().id}", "accounts/add", "accounts/1/pause"):
        html = admin.get(f"/dashboard/{path}").text
        assert html.count("aria-current") == 1, path
        assert 'href="/dashboard/accounts" aria-current="page"' in html, path


def test_words_on_the_pool_are_computed(app: Flask, add: Add) -> None:
    run = runtime()

    def told() -> tuple[str, str]:
        run.pool.load()
        found = pool_pulse()
        return found.level, found.words

    assert told() == ("mute", "No account yet")
    add("one")
    assert told() == ("ok", "The account is ready")
    add("two")
    assert told() == ("ok", "All 2 accounts ready")
    service.pause("one", None, SYSTEM)
    assert told() == ("warn", "1 of 2 accounts ready")
    service.pause("two", None, SYSTEM)
    assert told() == ("bad", "No account can serve")
