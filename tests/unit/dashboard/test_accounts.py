from collections.abc import Callable

from flask.testing import FlaskClient

from app.accounts import service
from app.accounts.overview import AccountView
from app.dashboard.accounts import CHANGED
from app.runtime import runtime

Add = Callable[..., AccountView]
HTMX = {"HX-Request": "true"}


def test_accounts_stand_in_the_order_in_which_they_are_asked(admin: FlaskClient, add: Add) -> None:
    for name, priority in (("third", 9), ("Second", 5), ("first", 5)):
        add(name, priority=priority)
    html = admin.get("/dashboard/accounts").text
    assert html.index(">first<") < html.index(">Second<") < html.index(">third<")


def test_part_of_the_list_has_one_root(admin: FlaskClient, add: Add) -> None:
    add()
    html = admin.get("/dashboard/accounts", headers=HTMX).text.strip()
    assert html.startswith('<div id="accounts"')
    assert "<html" not in html


def test_viewer_is_offered_no_change(viewer: FlaskClient, add: Add) -> None:
    view = add()
    html = viewer.get("/dashboard/accounts").text
    assert "work" in html
    assert f"/dashboard/accounts/{view.id}" not in html.replace(f"/dashboard/accounts/{view.id}/row", "")
    assert viewer.post(f"/dashboard/accounts/{view.id}/pause").status_code == 403


def test_pause_and_resume(admin: FlaskClient, add: Add) -> None:
    view = add()
    answer = admin.post(f"/dashboard/accounts/{view.id}/pause", data={"reason": "rests"}, headers=HTMX)
    assert answer.headers["HX-Trigger"] == CHANGED
    assert "by admin: rests" in answer.text
    answer = admin.post(f"/dashboard/accounts/{view.id}/resume")
    assert answer.location == "/dashboard/accounts"
    assert service.view(runtime().vault, view.id).health.is_ok


def test_priority_and_switch(admin: FlaskClient, add: Add) -> None:
    view = add()
    admin.post(f"/dashboard/accounts/{view.id}/priority", data={"priority": "42"})
    admin.post(f"/dashboard/accounts/{view.id}/auto-refresh", data={"auto_refresh": "on"})
    now = service.view(runtime().vault, view.id)
    assert (now.priority, now.auto_refresh) == (42, True)
    admin.post(f"/dashboard/accounts/{view.id}/auto-refresh")
    assert not service.view(runtime().vault, view.id).auto_refresh
    assert admin.post(f"/dashboard/accounts/{view.id}/priority", data={"priority": "101"}).status_code == 400


def test_cool_downs_are_forgotten(admin: FlaskClient, add: Add) -> None:
    assert "will be asked again" in admin.post(f"/dashboard/accounts/{add().id}/reset", follow_redirects=True).text


def test_unknown_account_is_not_found(admin: FlaskClient) -> None:
    assert admin.get("/dashboard/accounts/99").status_code == 404
    assert admin.post("/dashboard/accounts/99/pause").status_code == 404
