import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.access import users
from tests.unit.browsers import PASSWORD


def found(name: str) -> users.UserView:
    return next(user for user in users.all_users() if user.name == name)


def test_user_is_added_changed_and_shut_out(app: Flask, admin: FlaskClient) -> None:
    admin.post("/dashboard/users/create", data={"name": "uma", "password": PASSWORD, "role": "viewer"})
    user = found("uma")
    admin.post(f"/dashboard/users/{user.id}/role", data={"role": "admin"})
    admin.post(f"/dashboard/users/{user.id}/password", data={"password": "another long password"})
    admin.post(f"/dashboard/users/{user.id}/disable")
    now = found("uma")
    assert (now.role, now.is_disabled) == ("admin", True)
    assert now.password_changed_at >= user.password_changed_at
    admin.post(f"/dashboard/users/{user.id}/enable")
    assert not found("uma").is_disabled
    assert "uma" in admin.get("/dashboard/users").text


def test_faults_are_told(admin: FlaskClient) -> None:
    answer = admin.post("/dashboard/users/create", data={"name": "uma", "password": "short", "role": "viewer"})
    assert answer.status_code == 400
    assert 'id="fault-password"' in answer.text
    own = found("admin")
    assert "Password of admin" in admin.get(f"/dashboard/users/{own.id}/password").text
    assert admin.post(f"/dashboard/users/{own.id}/password", data={"password": "x"}).status_code == 400
    assert admin.post(f"/dashboard/users/{own.id}/role", data={"role": "viewer"}).status_code == 409


@pytest.mark.parametrize(("change", "data"), [("role", {"role": "viewer"}), ("disable", {})])
def test_last_admin_stays_and_the_page_says_so(admin: FlaskClient, change: str, data: dict[str, str]) -> None:
    answer = admin.post(f"/dashboard/users/{found('admin').id}/{change}", data=data)
    assert answer.status_code == 409
    assert "admin is the last admin" in answer.text
    assert 'aria-label="Role of admin"' in answer.text


def test_role_is_set_by_a_button(admin: FlaskClient) -> None:
    html = admin.get("/dashboard/users").text
    assert "data-send" not in html
    assert "the role of admin</span></button>" in html


def test_unknown_user_is_not_found(admin: FlaskClient) -> None:
    assert admin.post("/dashboard/users/99/disable").status_code == 404
