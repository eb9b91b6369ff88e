import pytest
from flask.testing import FlaskClient

from app.clock import now_ms
from app.dashboard.charts import KINDS
from tests.unit.usage.records import end, put


def test_page_shows_every_chart(viewer: FlaskClient) -> None:
    put(end(now_ms() - 5000))
    text = viewer.get("/dashboard/analytics").text
    assert all(f'id="chart-{name}"' in text for name in KINDS)


def test_only_what_adds_up_is_added_up(viewer: FlaskClient) -> None:
    put(end(now_ms() - 5000))
    text = viewer.get("/dashboard/analytics?mode=cumulative").text
    assert 'id="chart-cost"' in text
    assert 'id="chart-latency"' not in text


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
    assert viewer.get("/dashboard/analytics/table/weather").status_code == 400
