import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.dashboard.blueprints import THEME_COOKIE, theme


@pytest.mark.parametrize(("cookie", "found"), [("dark", "dark"), ("light", "light"), ('"><script>', None), ("", None)])
def test_theme_is_one_of_ours(app: Flask, cookie: str, found: str | None) -> None:
    with app.test_request_context(headers={"Cookie": f"{THEME_COOKIE}={cookie}"}):
        assert theme() == found


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/dashboard/requests?q=%00", 400),
        ("/dashboard/requests?model=%00", 400),
        ("/dashboard/sessions?q=a%00", 400),
        ("/dashboard/sessions?before=1.%00", 400),
        ("/dashboard/audit?actor=%00", 400),
        ("/dashboard/sessions/%00", 404),
        ("/dashboard/keys/%00/revoke", 404),
        ("/dashboard/accounts/99999999999999999999", 404),
        ("/dashboard/users/99999999999999999999/password", 404),
        ("/dashboard/requests?endpoint=x&_scheme=x&_external=1", 200),
        ("/dashboard/sessions?endpoint=x", 200),
        ("/dashboard/requests?from=999999999999999&to=0001-01-01T00:00", 400),
    ],
)
def test_crafted_address_is_no_fault_of_ours(admin: FlaskClient, address: str, status: int) -> None:
    assert admin.get(address).status_code == status


def test_form_with_a_nul_is_refused_before_the_log_in(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    assert app.test_client().post("/login", data={"name": "a\0b", "password": "x"}).status_code == 400
