import pytest
from flask.testing import FlaskClient

from app.audit import Actor, note
from app.db import transaction


def test_entries_are_shown_a_page_at_a_time(admin: FlaskClient) -> None:
    with transaction() as session:
        for number in range(130):
            note(session, Actor("bulk", "192.0.2.9"), "account.pause", f"account {number}")
    html = admin.get("/dashboard/audit?actor=bulk").text
    assert "account 129" in html
    assert "account 30<" in html
    assert "account 29<" not in html
    older = next(part for part in html.replace("&amp;", "&").split('"') if "before=" in part)
    html = admin.get(older).text
    assert "account 29<" in html
    assert "Older" not in html


def test_filter_that_finds_nothing_says_so(admin: FlaskClient) -> None:
    assert "No entry is like that." in admin.get("/dashboard/audit?subject=nothing").text


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40])
def test_wrong_place_is_refused(admin: FlaskClient, before: str) -> None:
    assert admin.get(f"/dashboard/audit?before={before}").status_code == 400
