"""Analytics: every chart, by what it is compared, as tables, within the promised size."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from app.dashboard.charts import KINDS
from tests.browser import traffic
from tests.browser.conftest import faults_of, is_wider_than_the_window, shoot
from tests.fakes.upstream import Upstream
from tests.integration.installation import Installation
from tests.integration.server import Server

Visit = Callable[..., Page]
BUDGET_BYTES = 150 * 1024


@pytest.fixture(scope="module", autouse=True)
def _traffic(server: Server, installation: Installation, upstream_process: Upstream) -> None:
    upstream_process.reset()
    traffic.make(server, installation, upstream_process)


@pytest.mark.parametrize("width", [380, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_analytics_fit_and_are_accessible(visit: Visit, theme: str, width: int) -> None:
    page = visit("/dashboard/analytics?group=account", theme=theme, width=width)
    expect(page.locator(".chart:not(:has([aria-busy]))")).to_have_count(len(KINDS))
    assert page.locator(".uplot").count() >= len(KINDS) - 1
    shoot(page, f"analytics-{theme}-{width}")
    assert faults_of(page) == []
    assert not is_wider_than_the_window(page)


def test_hover_tells_the_figures_and_scripts_stay_small(visit: Visit) -> None:
    page = visit("/dashboard/analytics", role="viewer")
    page.locator(".u-over").first.hover()
    expect(page.locator(".tip").first).to_contain_text("succeeded")
    sizes = page.evaluate("performance.getEntriesByType('resource').map(one => [one.name, one.encodedBodySize])")
    assert sum(size for name, size in sizes if "/static/" in name) < BUDGET_BYTES


def test_choices_stand_in_the_address(visit: Visit) -> None:
    page = visit("/dashboard/analytics?range=6h")
    page.get_by_label("Compare").select_option("by model")
    expect(page).to_have_url(re.compile(r"\?range=6h&group=model$"))
    expect(page.locator(".segments [aria-current]")).to_have_text("6 h")
    expect(page.locator(".legend").first).to_contain_text("claude-")
    page.get_by_role("link", name="1 h", exact=True).click()
    expect(page).to_have_url(re.compile("range=1h.*group=model|group=model.*range=1h"))


def test_free_range_takes_the_place_of_a_named_one(visit: Visit) -> None:
    page = visit("/dashboard/analytics?range=6h")
    page.get_by_role("textbox", name="From").fill("2026-01-02T03:00")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"/analytics\?from=2026-01-02T03%3A00$"))
    expect(page.get_by_role("textbox", name="From")).to_have_value("2026-01-02T03:00")
    expect(page.locator(".segments [aria-current]")).to_have_text("free")


def test_chart_opens_as_a_table_that_leads_to_requests(visit: Visit) -> None:
    page = visit("/dashboard/analytics?range=1h")
    page.get_by_role("link", name=re.compile("As a table.*Requests")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("columnheader", name="succeeded")).to_be_visible()
    dialog.get_by_role("row").nth(1).get_by_role("link").click()
    expect(page).to_have_url(re.compile("/dashboard/requests"))
