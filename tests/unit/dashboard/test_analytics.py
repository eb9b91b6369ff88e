import html
import re

import pytest
from flask.testing import FlaskClient

from app.clock import now_ms
from app.dashboard.charts import KINDS
from tests.unit.usage.records import end, put

_PART = re.compile(r'hx-get="([^"]+)"')


@pytest.mark.parametrize("query", ["", "?group=model", "?range=7d&group=account&model=claude-sonnet-4-5"])
def test_page_has_a_place_for_every_chart_and_each_is_brought_once(viewer: FlaskClient, query: str) -> None:
    put(end(now_ms() - 5000))
    page = viewer.get(f"/dashboard/analytics{query}").text
    assert all(page.count(f'id="place-{name}"') == 1 for name in KINDS)
    brought = "".join(
        viewer.get(html.unescape(address)).text for address in _PART.findall(page) if "/charts/" in address
    )
    assert all(brought.count(f'id="place-{name}"') == brought.count(f'id="chart-{name}"') == 1 for name in KINDS)
    assert brought.count("data-plot") >= len(KINDS) - 1, "all but the failures, of which there are none"


def test_only_what_adds_up_is_added_up(viewer: FlaskClient) -> None:
    put(end(now_ms() - 5000))
    text = viewer.get("/dashboard/analytics?mode=cumulative").text
    assert 'id="place-cost"' in text
    assert 'id="place-latency"' not in text
    assert viewer.get("/dashboard/analytics/charts/first_token?mode=cumulative").status_code == 404
    assert viewer.get("/dashboard/analytics/table/latency?mode=cumulative").status_code == 400


def test_empty_range_is_told_in_words(viewer: FlaskClient) -> None:
    assert "Nothing happened in this range" in viewer.get("/dashboard/analytics").text


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_chart_is_a_table_too(viewer: FlaskClient, name: str) -> None:
    put(end(now_ms() - 5000))
    answer = viewer.get(f"/dashboard/analytics/table/{name}?range=1h&group=model")
    assert answer.status_code == 200
    assert "claude-sonnet-4-5" in answer.text


@pytest.mark.parametrize("query", ["group=weather", "range=2h", "account=x", "from=late"])
def test_wrong_question_is_refused(viewer: FlaskClient, query: str) -> None:
    assert viewer.get(f"/dashboard/analytics?{query}").status_code == 400
    assert viewer.get(f"/dashboard/analytics/charts/sums?{query}").status_code == 400
    assert viewer.get("/dashboard/analytics/table/weather").status_code == 400
    assert viewer.get("/dashboard/analytics/charts/weather").status_code == 404


@pytest.mark.parametrize(("offset", "is_told"), [("330", True), ("120", False)])
def test_hours_that_cannot_be_cut_are_told(viewer: FlaskClient, offset: str, is_told: bool) -> None:
    put(end(now_ms() - 5000))
    viewer.set_cookie("ccflare_offset", offset)
    for path in ("?range=30d", "/table/traffic?range=30d", "?range=1h"):
        text = viewer.get(f"/dashboard/analytics{path}").text
        assert ("begin 30 minutes late on your clock" in text) is (is_told and "30d" in path)
