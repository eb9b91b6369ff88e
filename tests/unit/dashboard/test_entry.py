import pytest
from flask import Flask

from app.access import setup
from app.dashboard.entry import THEME_COOKIE
from app.runtime import runtime
from tests.unit.browsers import PASSWORD, browser, stranger, token_of


def test_first_page_leads_to_the_dashboard(app: Flask) -> None:
    assert stranger(app).get("/").location == "/dashboard"


def test_who_is_logged_in_needs_no_form(app: Flask) -> None:
    assert browser(app).get("/login?next=/dashboard/keys").location == "/dashboard/keys"


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("/dashboard/keys?x=1", "/dashboard/keys?x=1"),
        ("https://evil.example/dashboard", "/dashboard"),
        ("//evil.example/dashboard", "/dashboard"),
        ("/dashboard\\@evil.example", "/dashboard"),
        ("/dashboard\nX: y", "/dashboard"),
        ("/logout", "/dashboard"),
        ("javascript:alert(1)", "/dashboard"),
        ("", "/dashboard"),
    ],
)
def test_log_in_leads_only_to_pages_of_ours(app: Flask, wanted: str, given: str) -> None:
    client = browser(app, "admin")
    client.post("/logout", data={"csrf_token": token_of(client, "/dashboard/profile")})
    form = {"name": "admin", "password": PASSWORD, "next": wanted, "csrf_token": token_of(client)}
    assert client.post("/login", data=form).location == given


def test_wrong_password_is_told_and_the_name_kept(app: Flask) -> None:
    client = stranger(app)
    answer = client.post("/login", data={"name": "ada", "password": "wrong", "csrf_token": token_of(client)})
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text
    assert 'value="ada"' in answer.text
    assert 'value="wrong"' not in answer.text


def test_log_in_without_the_forms_token_is_refused(app: Flask) -> None:
    assert stranger(app).post("/login", data={"name": "ada", "password": PASSWORD}).status_code == 400


def test_setup_makes_one_admin_with_the_token_of_this_start(app: Flask) -> None:
    token = setup.issue(runtime().vault)
    assert token is not None
    client = stranger(app)
    form = {"name": "ada", "password": PASSWORD, "again": PASSWORD, "csrf_token": token_of(client)}
    assert client.post("/setup", data={**form, "token": "made-up"}).status_code == 403
    wrong = client.get("/setup?token=made-up")
    assert wrong.status_code == 403
    assert '<form method="post" action="/setup"' not in wrong.text
    assert "is not valid, or no longer" in wrong.text
    assert "Create the admin" in client.get(f"/setup?token={token.text}").text
    assert "is not the same" in client.post("/setup", data={**form, "token": token.text, "again": "other"}).text
    assert client.post("/setup", data={**form, "token": token.text}).location == "/dashboard"
    assert client.get("/dashboard/keys").status_code == 200
    assert stranger(app).get(f"/setup?token={token.text}").status_code == 403


def test_setup_without_any_token_is_shut(app: Flask) -> None:
    assert stranger(app).get("/setup").status_code == 403


@pytest.mark.parametrize(("chosen", "kept"), [("dark", "dark"), ("light", "light"), ("system", None), ("<x>", None)])
def test_theme_is_kept_for_the_next_page(app: Flask, chosen: str, kept: str | None) -> None:
    client = stranger(app)
    client.set_cookie(THEME_COOKIE, "light")
    client.post("/theme", data={"theme": chosen, "next": "/login", "csrf_token": token_of(client)})
    html = client.get("/login").text
    assert (f'data-theme="{kept}"' in html) if kept else ("data-theme=" not in html)
