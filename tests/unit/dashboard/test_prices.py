import re

import pytest
from flask.testing import FlaskClient

from app.audit import SYSTEM, EntryFilter, entries
from app.background import jobs as background
from app.clock import now_ms
from app.usage import reprice
from app.usage.prices import own_prices, set_prices
from app.usage.pricing import Rates
from app.version import VERSION
from tests.unit.usage.records import end, put

HTMX = {"HX-Request": "true"}
UNKNOWN = "nobody-knows-1"


def row_of(html: str, model: str) -> str:
    found = re.search(rf'<tr>\s*<th scope="row" class="break">{model}.*?</tr>', html, re.DOTALL)
    assert found is not None, model
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())


def test_models_without_a_price_come_first_and_are_told(viewer: FlaskClient) -> None:
    put(end(now_ms(), model=UNKNOWN, model_served=UNKNOWN), end(now_ms()))
    html = viewer.get("/dashboard/settings/prices").text
    assert "is missing from every sum" in html
    assert html.index(f">{UNKNOWN}") < html.index(">claude-sonnet-4-5<")
    assert "1 request without a cost" in row_of(html, UNKNOWN)
    assert "no price" in row_of(html, UNKNOWN)
    assert "table 3 15 0.3 3.75 6 10" in row_of(html, "claude-sonnet-4-5")
    assert f"<small>ccflare {VERSION}</small>" in html
    assert "1 missing" in viewer.get("/dashboard/settings").text


def test_price_is_entered_shown_and_removed(admin: FlaskClient) -> None:
    form = {"model": "Nobody-Knows-1", "input": "0", "output": "$1.5", "cache_read": "0.000001"}
    answer = admin.post("/dashboard/settings/prices/set", data=form)
    assert answer.location == "/dashboard/settings/prices"
    (own,) = own_prices()
    assert (own.model, own.rates) == (UNKNOWN, Rates(0, 1_500_000, 1))
    assert "entered here" in row_of(admin.get(answer.location).text, UNKNOWN)
    assert 'value="1.5"' in admin.get(f"/dashboard/settings/prices/set?model={UNKNOWN}").text
    admin.post("/dashboard/settings/prices/remove", data={"model": UNKNOWN})
    assert own_prices() == ()
    assert [one.action for one in entries(EntryFilter(action="price"), 5)] == ["price.remove", "price.set"]


def test_form_begins_with_the_price_in_force(admin: FlaskClient) -> None:
    html = admin.get("/dashboard/settings/prices/set?model=claude-sonnet-4-5").text
    assert 'name="cache_read" type="text" value="0.3"' in html
    set_prices({"claude-sonnet-4-5": Rates(input=7_000_000)}, SYSTEM)
    html = admin.get("/dashboard/settings/prices/set?model=claude-sonnet-4-5").text
    assert 'name="input" type="text" value="7"' in html


@pytest.mark.parametrize(
    ("form", "place"),
    [
        ({"model": "m", "input": "much"}, "fault-input"),
        ({"model": "m", "output": "0.0000001"}, "fault-output"),
        ({"model": "m", "output": "-1"}, "fault-output"),
        ({"model": "", "input": "1"}, "fault-model"),
        ({"model": "m"}, "fault-prices"),
        ({"model": "m", "input": "9999999"}, "fault-prices"),
    ],
    ids=["word", "too fine", "negative", "no model", "no price", "too much"],
)
def test_wrong_price_is_told_where_it_stands(admin: FlaskClient, form: dict[str, str], place: str) -> None:
    answer = admin.post("/dashboard/settings/prices/set", data=form)
    assert answer.status_code == 400
    assert f'id="{place}"' in answer.text
    assert f'value="{form["model"]}"' in answer.text
    assert own_prices() == ()


def test_computing_anew_is_asked_for_and_told(admin: FlaskClient) -> None:
    put(end(now_ms() - 1000))
    answer = admin.post("/dashboard/settings/prices/reprice", headers=HTMX)
    assert 'id="reprice"' in answer.text
    assert "every 1s" in answer.text
    assert len(reprice.asked()) == 1
    (asked,) = entries(EntryFilter(action="price"), 5)
    assert asked.actor == "admin"
    view, _ = background.run_now(background.REPRICE, 30)
    assert view.outcome == "ok"
    assert reprice.asked() == ()
    shown = admin.get("/dashboard/settings/prices", headers=HTMX).text
    assert str(view.result) in shown
    assert "every 1s" not in shown


def test_viewer_sees_prices_and_changes_none(viewer: FlaskClient) -> None:
    assert "Compute anew" not in viewer.get("/dashboard/settings/prices").text
    assert viewer.get("/dashboard/settings/prices/set").status_code == 403
    for path in ("set", "remove", "reprice"):
        assert viewer.post(f"/dashboard/settings/prices/{path}").status_code == 403


def test_searches_are_priced_by_the_thousand_as_the_page_shows_them(admin: FlaskClient) -> None:
    admin.post("/dashboard/settings/prices/set", data={"model": "mystery-9", "input": "3", "web_search": "10"})
    (own,) = [one for one in own_prices() if one.model == "mystery-9"]
    assert (own.rates.input, own.rates.web_search) == (3_000_000, 10_000_000_000)
    assert (
        'name="web_search" type="text" value="10"' in admin.get("/dashboard/settings/prices/set?model=mystery-9").text
    )
    html = admin.get("/dashboard/settings/prices").text
    assert 'data-label="Search"><span class="num" title="$10.000000">10</span>' in html
