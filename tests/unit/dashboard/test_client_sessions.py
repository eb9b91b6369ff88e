import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.clock import now_ms
from app.dashboard.client_sessions import context, tree
from app.usage.sessions import SessionPartRow, session_detail
from tests.unit.usage.records import NOW, end, put


def agent(name: str, parent: str | None = None) -> SessionPartRow:
    return SessionPartRow(name, None, parent, 0, 0, 1, 10, 5)


def test_agents_stand_below_the_agent_that_started_them() -> None:
    found = tree((agent("a"), agent("b"), agent("a1", "a"), agent("a2", "a1"), agent("lost", "gone")))
    assert [(one.name, one.depth) for one in found] == [("a", 0), ("a1", 1), ("a2", 2), ("b", 0), ("lost", 0)]


def test_agents_that_started_each_other_are_shown_once() -> None:
    assert sorted(one.name for one in tree((agent("a", "b"), agent("b", "a"), agent("c", "c")))) == ["a", "b", "c"]


def test_context_needs_two_requests_to_grow() -> None:
    assert context((), 0) is None


def test_context_numbers_the_last_requests_of_a_long_session(app: Flask) -> None:
    put(*(end(NOW + at, session_id="s", tokens=[at, 1, 0, 0, 0, 0] if at != 5 else []) for at in range(8)))
    drawn = context(session_detail("s").requests[:4], 8)
    assert drawn is not None
    assert drawn["ordinal"] == [5, 7, 8]
    assert drawn["lines"][2]["values"] == [4, 6, 7]


def test_session_leads_to_its_requests_and_agents(viewer: FlaskClient) -> None:
    at = now_ms() - 9000
    put(end(at, session_id="s/1"), end(at + 1, session_id="s/1", agent_id="sub", parent_agent_id="main"))
    text = viewer.get("/dashboard/sessions").text
    assert 'href="/dashboard/sessions/s/1"' in text
    page = viewer.get("/dashboard/sessions/s/1").text
    assert "sub" in page
    assert '"ordinal":[1,2]' in page.replace(" ", "")


def test_list_pages_by_key_set(admin: FlaskClient) -> None:
    at = now_ms()
    put(*(end(at - number * 1000, session_id=f"s-{number:02}") for number in range(55)))
    first = admin.get("/dashboard/sessions").text
    older = first.partition("<main")[2].partition('hx-get="')[2].partition('"')[0].replace("&amp;", "&")
    second = admin.get(older, headers={"HX-Request": "true"}).text
    assert first.count("<tr data-id") == 50
    assert second.count("<tr data-id") == 5


@pytest.mark.parametrize("before", ["x", "5", "5.", ".s"])
def test_made_up_cursor_is_refused(admin: FlaskClient, before: str) -> None:
    assert admin.get(f"/dashboard/sessions?before={before}").status_code == 400


def test_unknown_session_is_not_found(admin: FlaskClient) -> None:
    assert admin.get("/dashboard/sessions/none").status_code == 404
