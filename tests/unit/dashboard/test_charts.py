import random

import pytest
from flask import Flask

from app.dashboard.charts import KINDS, SUMS, chart, parts
from app.errors import NotFound
from app.usage.analytics import Group, series
from app.usage.spans import HOUR_MS, between
from app.usage.sums import METRICS
from tests.unit.usage.records import NOW, anything, end, put

SPAN = between(NOW - HOUR_MS, NOW + HOUR_MS, NOW + HOUR_MS)


@pytest.mark.parametrize("name", sorted(KINDS))
@pytest.mark.parametrize("group", [None, "account", "model", "key"])
def test_every_line_has_a_value_for_every_bucket(app: Flask, name: str, group: str | None) -> None:
    put(end(NOW), end(NOW + 60_000, account_id=2, account_name="spare", model_served="other", status=429))
    made = chart(name, series(SPAN, None, group, tuple(METRICS)), SPAN, group)  # type: ignore[arg-type]
    assert made.lines
    assert {len(line.values) for line in made.lines} == {len(made.at)}
    assert not made.is_empty or name == "errors" or "speed" in name or group


@pytest.mark.parametrize("name", sorted(KINDS))
@pytest.mark.parametrize("group", [None, "account"])
def test_a_chart_names_all_figures_that_it_reads(app: Flask, name: str, group: Group | None) -> None:
    rng = random.Random(7)
    put(*(anything(rng, NOW + at * 1000) for at in range(80)))
    every = series(SPAN, None, group, tuple(METRICS))
    named = series(SPAN, None, group, tuple(METRICS), figures=KINDS[name].figures)
    assert chart(name, named, SPAN, group) == chart(name, every, SPAN, group)


@pytest.mark.parametrize("is_cumulative", [False, True])
@pytest.mark.parametrize("group", [None, "account"])
def test_every_chart_is_made_in_one_part(group: str | None, is_cumulative: bool) -> None:
    made = parts(group, is_cumulative=is_cumulative)
    assert {SUMS} <= set(made) <= {SUMS, *METRICS}
    names = sorted(name for members in made.values() for name in members)
    assert names == sorted(name for name, kind in KINDS.items() if kind.adds_up or not is_cumulative)


def test_parts_of_traffic_add_up_to_all_requests(app: Flask) -> None:
    put(end(NOW), end(NOW + 1), end(NOW + 2, status=529))
    made = chart("traffic", series(SPAN), SPAN)
    assert {line.label: sum(filter(None, line.values)) for line in made.lines} == {"succeeded": 2, "failed": 1}


def test_limits_are_told_apart_from_other_refusals(app: Flask) -> None:
    put(end(NOW, status=429), end(NOW + 1, status=400), end(NOW + 2, outcome="client_gone"))
    found = {line.label: sum(filter(None, line.values)) for line in chart("errors", series(SPAN), SPAN).lines}
    assert found == {"limits (429)": 1, "other 4xx": 1, "5xx": 0, "client left": 1, "upstream broke": 0}


def test_busiest_group_comes_first_and_leads_to_its_requests(app: Flask) -> None:
    put(end(NOW), end(NOW + 1, account_id=2, account_name="spare"), end(NOW + 2, account_id=2, account_name="spare"))
    lines = chart("traffic", series(SPAN, None, "account"), SPAN, "account").lines
    assert [(line.label, line.query) for line in lines] == [("spare", {"account": "2"}), ("work", {"account": "1"})]


def test_unknown_chart_is_not_found(app: Flask) -> None:
    with pytest.raises(NotFound):
        chart("weather", (), SPAN)
