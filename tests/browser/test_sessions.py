"""Sessions: the list, and one with its agents and its context."""

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
def test_sessions_fit_and_are_accessible(visit: Visit, theme: str, width: int) -> None:
    page = visit("/dashboard/sessions", theme=theme, width=width)
    assert faults_of(page) == []
    assert not is_wider_than_the_window(page)
    page.goto(f"/dashboard/sessions/{traffic.SESSION}")
    expect(page.locator(".uplot")).to_be_visible()
    shoot(page, f"session-{theme}-{width}")
    assert faults_of(page) == []
    assert not is_wider_than_the_window(page)


def test_one_click_leads_from_session_to_request_and_back(visit: Visit) -> None:
    page = visit("/dashboard/sessions", role="viewer")
    page.get_by_role("link", name=traffic.SESSION).click()
    expect(page.locator(".tree")).not_to_have_count(0)
    expect(page.get_by_role("link", name="explorer")).to_be_visible()
    page.locator(".requests .what a").first.click()
    expect(page).to_have_url(re.compile("/dashboard/requests/req_"))
    page.get_by_role("link", name="its session").click()
    expect(page).to_have_url(re.compile(f"/dashboard/sessions/{traffic.SESSION}"))


def test_context_leads_to_the_request_behind_a_bar(visit: Visit) -> None:
    page = visit(f"/dashboard/sessions/{traffic.SESSION}")
    page.locator(".u-over").click()
    expect(page).to_have_url(re.compile("/dashboard/requests/req_"))
