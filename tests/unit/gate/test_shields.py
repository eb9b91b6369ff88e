from pathlib import Path

import pytest
from flask import Flask, request

from app.db import db
from app.factory import create_app
from app.gate.shields import POLICY
from config import Settings
from tests.unit.browsers import browser, stranger


def test_policy_allows_nothing_inline() -> None:
    assert "unsafe" not in POLICY
    assert POLICY.startswith("default-src 'none'")


@pytest.mark.parametrize("path", ["/login", "/dashboard", "/api/nothing", "/health", "/static/css/ccflare.css"])
def test_every_answer_is_shielded(app: Flask, path: str) -> None:
    headers = stranger(app).get(path).headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers


def test_pages_are_kept_by_no_cache(app: Flask) -> None:
    headers = browser(app).get("/dashboard/accounts").headers
    assert headers["Cache-Control"] == "no-store"
    assert "HX-Request" in headers["Vary"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_cookie_suits_the_connection(app: Flask, scheme: str) -> None:
    answer = stranger(app).get("/login", base_url=f"{scheme}://localhost")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert ("Secure" in cookie) == (scheme == "https")
    assert cookie.startswith("__Host-") == (scheme == "https")
    assert ("Strict-Transport-Security" in answer.headers) == (scheme == "https")


@pytest.mark.parametrize(("count", "location"), [("0", "http://localhost/"), ("1", "https://cc.example/")])
def test_forwarded_headers_count_only_behind_a_declared_proxy(tmp_path: Path, count: str, location: str) -> None:
    settings = {"CCFLARE_DATA_DIR": str(tmp_path), "CCFLARE_BEHIND_PROXY": count, "TRUSTED_HOSTS": "cc.example"}
    app = create_app(Settings.load(settings))
    app.testing = True
    seen = {}
    app.before_request_funcs[None].insert(0, lambda: seen.update(url=request.host_url))  # type: ignore[arg-type]
    stranger(app).get("/login", headers={"X-Forwarded-Proto": "https", "X-Forwarded-Host": "cc.example"})
    assert seen["url"] == location
    with app.app_context():
        db.engine.dispose()
