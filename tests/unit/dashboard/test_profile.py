import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.access import sessions, users
from app.dashboard.profile import browser as named
from tests.unit.browsers import PASSWORD, browser

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (CHROME, "Chrome on Windows"),
        (f"{CHROME} Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("curl/8.5.0", "curl"),
        ("something of its own", "something of its own"),
        (None, "unknown browser"),
    ],
)
def test_browser_is_told_in_a_few_words(agent: str | None, words: str) -> None:
    assert named(agent) == words


def own_sessions() -> tuple[sessions.SessionView, ...]:
    (user,) = [user for user in users.all_users() if user.name == "viewer"]
    return sessions.of_user(user.id)


def test_new_password_leaves_only_this_browser(app: Flask, viewer: FlaskClient) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    other = browser(app, "viewer")
    app.config["WTF_CSRF_ENABLED"] = False
    form = {"former": PASSWORD, "password": "another long password", "again": "another long password"}
    assert (
        "is not the present password" in viewer.post("/dashboard/profile/password", data={**form, "former": "x"}).text
    )
    assert "is not the same" in viewer.post("/dashboard/profile/password", data={**form, "again": "x"}).text
    assert viewer.post("/dashboard/profile/password", data=form).location == "/dashboard/profile"
    assert viewer.get("/dashboard/profile").status_code == 200
    assert other.get("/dashboard/profile").status_code == 302
    assert len(own_sessions()) == 1


def test_own_sessions_end_one_by_one_or_all_others(app: Flask, viewer: FlaskClient) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    others = [browser(app, "viewer") for _ in range(3)]
    app.config["WTF_CSRF_ENABLED"] = False
    newest = own_sessions()[0].digest.hex()
    assert viewer.post(f"/dashboard/profile/sessions/{newest}/end").status_code == 303
    assert viewer.post(f"/dashboard/profile/sessions/{newest}/end").status_code == 404
    assert viewer.post("/dashboard/profile/sessions/nonsense/end").status_code == 404
    assert "2 other sessions ended" in viewer.post("/dashboard/profile/sessions/end-others", follow_redirects=True).text
    assert [other.get("/dashboard/profile").status_code for other in others] == [302] * 3


def test_session_of_another_is_out_of_reach(viewer: FlaskClient, admin: FlaskClient) -> None:
    digest = own_sessions()[0].digest.hex()
    assert admin.post(f"/dashboard/profile/sessions/{digest}/end").status_code == 404


def test_every_fault_of_a_new_password_is_told_under_its_label(admin: FlaskClient) -> None:
    form = {"former": "not it", "password": "short", "again": "other"}
    html = admin.post("/dashboard/profile/password", data=form).text
    assert "Present password: is not the present password. Password: give 8" in html
    assert "Password again: is not the same as the first." in html
