from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.audit import EntryFilter, entries
from app.clock import now_ms
from app.dashboard.history import Rows, matches
from app.usage.feed import Change, News
from app.usage.queries import list_requests
from app.usage.rows import RequestRow
from app.usage.search import Filter, find
from app.values import id_text
from tests.unit.usage.records import NOW, end, put, start

HOSTILE = "<img src=x onerror=alert(1)>"


def row_of(**changes: object) -> RequestRow:
    put(end(NOW, session_id="session-1", error="Overloaded", **changes))
    return list_requests(Filter()).requests[0]


@pytest.mark.parametrize(
    ("asked", "is_wanted"),
    [
        (Filter(), True),
        (Filter(accounts=(1,)), True),
        (Filter(accounts=(2,)), False),
        (Filter(statuses=(429,)), False),
        (Filter(failed=True), False),
        (Filter(failed=False), True),
        (Filter(outcomes=("running",)), False),
        (Filter(session_id="session-1"), True),
        (Filter(session_id="session"), False),
        (Filter(text="session"), True),
        (Filter(text="overload"), True),
        (Filter(text="nothing"), False),
        (Filter(end=NOW), False),
    ],
)
def test_stream_tells_of_the_requests_that_the_list_shows(app: Flask, asked: Filter, is_wanted: bool) -> None:
    assert matches(asked, row_of()) is is_wanted


def test_running_request_is_neither_failed_nor_succeeded(app: Flask) -> None:
    running = replace(row_of(), outcome="running", status=None)
    assert not matches(Filter(failed=False), running)
    assert matches(Filter(outcomes=("running",)), running)


def test_stream_sends_rows_and_says_when_it_missed_some(app: Flask) -> None:
    row = row_of(model=HOSTILE)

    class Source:
        news = [News((Change(4, row),), 4), News((), 900, is_gap=True)]

        def since(self, number: int | None) -> News:
            return self.news.pop(0)

    rows = Rows(Source(), Filter(), 3, "/dashboard/requests")  # type: ignore[arg-type]
    (event,) = rows.look()
    assert (event.name, event.id) == ("row", "4")
    assert f'href="/dashboard/requests/{row.public_id}"' in str(event.data)
    assert "<img" not in str(event.data)
    assert [one.name for one in rows.look()] == ["reset"]


def test_stream_takes_back_a_row_that_no_longer_fits_once_it_has_ended(app: Flask) -> None:
    row = row_of()
    running = replace(row, outcome="running", status=None)

    class Source:
        news = [News((Change(4, running),), 4), News((Change(5, row),), 5)]

        def since(self, number: int | None) -> News:
            return self.news.pop(0)

    rows = Rows(Source(), Filter(outcomes=("running",)), 3, "/dashboard/requests")  # type: ignore[arg-type]
    assert [one.name for one in rows.look()] == ["row"]
    (event,) = rows.look()
    assert (event.name, event.data, event.id) == ("gone", row.public_id, "5")


def test_list_pages_by_key_set_and_keeps_its_filters(admin: FlaskClient) -> None:
    put(*(end(now_ms() - at * 1000) for at in range(60)))
    first = admin.get("/dashboard/requests?model=claude-sonnet-4-5").text
    assert first.count("<tr id=") == 50
    older = first.partition("<main")[2].partition('hx-get="')[2].partition('"')[0].replace("&amp;", "&")
    assert "model=claude-sonnet-4-5" in older
    second = admin.get(older, headers={"HX-Request": "true"}).text
    assert second.count("<tr id=") == 10
    assert "<html" not in second


def test_running_request_is_in_the_list(admin: FlaskClient) -> None:
    put(start(end(now_ms())))
    assert "data-elapsed" in admin.get("/dashboard/requests?outcome=running").text


@pytest.mark.parametrize(
    "query", ["before=x", "account=x", "outcome=won", "range=zzz", "from=2026-01-02&to=2026-01-01"]
)
def test_wrong_address_is_told(admin: FlaskClient, query: str) -> None:
    assert admin.get(f"/dashboard/requests?{query}").status_code == 400


def test_export_holds_what_the_filter_finds_and_no_formula(viewer: FlaskClient) -> None:
    kept = end(now_ms(), status=529, error='=HYPERLINK("http://evil")')
    put(kept, end(now_ms()))
    answer = viewer.get("/dashboard/requests/export.csv?failed=1")
    lines = answer.text.splitlines()
    assert answer.mimetype == "text/csv"
    assert lines[0].startswith("id,started_at")
    assert len(lines) == 2
    assert id_text(kept["id"]) in lines[1]
    assert "'=HYPERLINK" in lines[1]
    assert [(one.action, one.detail) for one in entries(EntryFilter(action="history"), 5)] == [
        ("history.export", "csv, failed True")
    ]


def test_export_is_made_while_it_is_read(viewer: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def counted(*asked: Any) -> Any:
        looks.append(1)
        return find(*asked)

    monkeypatch.setattr("app.usage.export.find", counted)
    monkeypatch.setattr("app.usage.export._PAGE", 2)
    put(*(end(now_ms() - number) for number in range(5)))
    pieces = viewer.get("/dashboard/requests/export.csv", buffered=False).iter_encoded()
    assert next(pieces).startswith(b"id,")
    assert looks == []
    assert b"".join(pieces).count(b"\n") == 5
    assert len(looks) == 3
