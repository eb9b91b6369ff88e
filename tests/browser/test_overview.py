"""Overview: what a reader sees within five seconds, the first-run guide, and what moves by itself."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser import traffic
from tests.browser.conftest import faults_of, is_wider_than_the_window, shoot
from tests.fakes.upstream import Upstream
from tests.integration.installation import Installation
from tests.integration.server import Server

Visit = Callable[..., Page]


@pytest.fixture(scope="module", autouse=True)
def _traffic(server: Server, installation: Installation, upstream_process: Upstream) -> None:
    upstream_process.reset()
    traffic.make(server, installation, upstream_process)


@pytest.mark.parametrize("width", [380, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_overview_fits_and_is_accessible(visit: Visit, theme: str, width: int) -> None:
    page = visit("/dashboard", theme=theme, width=width)
    expect(page.locator(".uplot")).to_have_count(3)
    shoot(page, f"overview-{theme}-{width}")
    assert faults_of(page) == []
    assert not is_wider_than_the_window(page)


def test_one_look_tells_who_serves_and_why_what_it_cost_and_what_failed(visit: Visit) -> None:
    page = visit("/dashboard", role="viewer")
    now = page.get_by_role("region", name="Now")
    expect(now).to_contain_text("Serving, with 1 of 2 accounts ready.")
    expect(now).to_contain_text("beta serves now: ")
    expect(now).to_contain_text(
        re.compile(r"alpha: (the 5 hour window is full|its quota is used up), back in 1 h 2\d min")
    )
    # A worker that has just learned of a window from another one shows it with the next tick.
    expect(now).to_contain_text(re.compile(r"resets in 1 h 2\d min"), timeout=20_000)
    expect(now.locator(".window p").first).to_have_text(re.compile(r"5 hours\s*101% used"))
    expect(page.locator(".failures")).to_contain_text("The provider was overloaded")


def test_page_moves_when_a_request_comes(visit: Visit, server: Server) -> None:
    page = visit("/dashboard")
    tile = page.locator(".tiles .stat strong .num").first
    before = int(tile.get_attribute("title") or "")
    page.wait_for_timeout(700)  # The stream's first beat is against what it found when it opened.
    assert traffic.send(server, [{"role": "user", "content": "one more"}]) == 200
    expect(tile).to_have_attribute("title", str(before + 1))


def test_chart_that_is_read_is_not_drawn_anew(visit: Visit, server: Server) -> None:
    page = visit("/dashboard")
    page.locator(".u-over").first.hover()
    tip = page.locator(".tip").first
    expect(tip).to_be_visible()
    page.evaluate("document.body.dispatchEvent(new Event('tick'))")
    page.wait_for_timeout(800)
    expect(tip).to_be_visible()
    page.mouse.move(0, 0)
    with page.expect_response("**/overview/figures*"):
        page.evaluate("document.body.dispatchEvent(new Event('tick'))")


def test_dragging_zooms_and_clicking_leads_to_the_requests(visit: Visit) -> None:
    page = visit("/dashboard?range=6h")
    box = page.locator(".u-over").first.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.4, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, middle, steps=4)
    page.mouse.up()
    page.wait_for_url("**/dashboard?from=*&to=*")
    expect(page.locator(".segments [aria-current]")).to_have_text("free")
    page.locator(".u-over").first.click()
    page.wait_for_url("**/dashboard/requests?from=*")


def test_without_script_everything_is_there_but_the_curves(visit: Visit) -> None:
    page = visit("/dashboard", script=False)
    expect(page.get_by_role("region", name="Now")).to_contain_text("beta serves now")
    page.get_by_role("link", name=re.compile("As a table.*Requests")).click()
    expect(page.get_by_role("columnheader", name="failed")).to_be_visible()


def test_first_run_guides_to_the_first_answer(
    new_server: Callable[..., Server], new_context: Callable[..., object], upstream: Upstream
) -> None:
    server = new_server(workers=1)
    ran = server.cli("create-user", "ada", "--role", "admin", "--password-stdin", input="a long enough password of ada")
    assert ran.code == 0
    page: Page = new_context(base_url=server.url).new_page()  # type: ignore[attr-defined]
    page.goto("/login")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("a long enough password of ada")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("There is no account yet.")).to_be_visible()
    expect(page.locator(".command").filter(has_text=f"export ANTHROPIC_BASE_URL={server.url}")).to_be_visible()
    shoot(page, "overview-first")
    assert faults_of(page) == []
    for width in (1280, 380):
        page.set_viewport_size({"width": width, "height": 800})
        assert not is_wider_than_the_window(page)
        shoot(page, f"overview-first-{width}")
    page.get_by_role("button", name="Add account").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Add")
