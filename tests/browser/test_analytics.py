"""Analytics: every chart, by what it is compared, as tables, within the promised size."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.clock import now_ms
from app.dashboard.charts import KINDS
from tests.browser import traffic
from tests.browser.conftest import faults_of, is_wider_than_the_window, shoot
from tests.fakes.upstream import Upstream
from tests.integration.installation import Installation
from tests.integration.server import Server
from tests.unit.usage.records import end, put

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


@pytest.mark.parametrize("width", [380, 768, 1280, 1920])
@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/analytics"])
def test_last_part_of_a_grid_ends_where_the_grid_ends(visit: Visit, path: str, width: int) -> None:
    page = visit(path, width=width)
    for grid in page.locator(".tiles, .charts, .thirds").all():
        gap = "grid => grid.getBoundingClientRect().right - grid.lastElementChild.getBoundingClientRect().right"
        assert 0 <= grid.evaluate(gap) < 2, grid.evaluate("grid => grid.className")


def test_hover_tells_the_figures_and_scripts_stay_small(visit: Visit) -> None:
    page = visit("/dashboard/analytics", role="viewer")
    page.locator(".u-over").first.hover()
    expect(page.locator(".tip").first).to_contain_text("succeeded")
    sizes = page.evaluate("performance.getEntriesByType('resource').map(one => [one.name, one.encodedBodySize])")
    assert sum(size for name, size in sizes if "/static/" in name) < BUDGET_BYTES


NOTE_WORDS = """
CanvasRenderingContext2D.prototype.clearRect = function () { this.canvas.told = []; };
CanvasRenderingContext2D.prototype.fillText = function (words) { this.canvas.told.push(words); };
"""


@pytest.mark.parametrize(
    ("model", "output", "ticks"),
    [
        ("claude-opus-4-5", 6500, ["$0", "$0.05", "$0.1", "$0.15"]),
        ("claude-opus-4-1", 65, ["$0", "$0.001", "$0.002", "$0.003", "$0.004", "$0.005"]),
    ],
)
def test_no_two_ticks_of_an_axis_say_the_same(
    visit: Visit, installation: Installation, model: str, output: int, ticks: list[str]
) -> None:
    with installation.entered():
        put(end(now_ms() - 5000, model=model, model_served=model, tokens=[0, output, 0, 0, 0, 0]))
    page = visit("/dashboard/profile")
    page.add_init_script(NOTE_WORDS)
    page.goto(f"/dashboard/analytics?range=24h&model={model}")
    expect(page.locator(".chart:not(:has([aria-busy]))")).to_have_count(len(KINDS))
    words = page.locator("#place-cost canvas").evaluate("one => one.told.filter(words => words.startsWith('$'))")
    assert words == ticks


def test_points_without_neighbours_are_drawn(visit: Visit) -> None:
    page = visit("/dashboard/analytics?range=1h")
    expect(page.locator("#place-latency .uplot")).to_be_visible()
    colours = page.locator("#place-latency canvas").evaluate(
        """one => {
          const seen = new Set(), {data} = one.getContext("2d").getImageData(0, 0, one.width * 0.7, one.height);
          for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 255) seen.add(data.slice(at, at + 3).join());
          return [...seen];
        }"""
    )
    assert any(one in colours for one in ("42,111,194", "200,80,28", "181,58,114"))


def test_first_tap_shows_and_the_second_leads_on(states: Any, server: Server, new_context: Callable[..., Any]) -> None:
    options = {"has_touch": True, "is_mobile": True, "viewport": {"width": 380, "height": 800}}
    page = new_context(base_url=server.url, storage_state=states["viewer"], **options).new_page()
    page.goto("/dashboard/analytics?range=6h")
    plot = page.locator("#place-traffic .u-over")
    plot.tap()
    expect(page.locator("#place-traffic .tip")).to_contain_text("Tap again: the requests.")
    assert "/analytics" in page.url
    plot.tap()
    expect(page).to_have_url(re.compile("/dashboard/requests"))


@pytest.mark.parametrize("width", [380, 1280])
def test_table_in_a_dialog_shows_every_column(visit: Visit, width: int) -> None:
    page = visit("/dashboard/analytics?range=24h", width=width)
    page.get_by_role("link", name=re.compile("As a table.*Cost")).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.locator("dialog .scroll").evaluate("one => one.scrollWidth <= one.clientWidth")


def test_nothing_is_awaited_without_script(visit: Visit) -> None:
    page = visit("/dashboard/analytics", script=False)
    expect(page.locator(".plot:visible")).to_have_count(0)
    expect(page.locator("noscript p").first).to_contain_text("without it each is there as a table")
    page.goto("/dashboard")
    expect(page.locator(".plot:visible")).to_have_count(0)
    expect(page.locator("noscript p").first).to_contain_text("without it there is the table")


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
