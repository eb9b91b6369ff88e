"""Every page of the frame: in both themes and two widths, without errors, accessible, and as small as promised."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from app.clock import now_ms
from tests.browser.conftest import faults_of, is_wider_than_the_window, shoot, write
from tests.integration.installation import Installation
from tests.integration.server import Server
from tests.unit.usage.records import end, put

Visit = Callable[..., Page]

PAGES = {
    "accounts": "/dashboard/accounts",
    "account": "/dashboard/accounts/{id}",
    "add-account": "/dashboard/accounts/add",
    "add-max": "/dashboard/accounts/add?mode=max",
    "add-openai": "/dashboard/accounts/add?mode=openai-compatible",
    "pause": "/dashboard/accounts/{id}/pause",
    "delete": "/dashboard/accounts/{id}/delete",
    "keys": "/dashboard/keys",
    "create-key": "/dashboard/keys/create",
    "users": "/dashboard/users",
    "create-user": "/dashboard/users/create",
    "settings": "/dashboard/settings",
    "setting": "/dashboard/settings/lb_strategy",
    "prices": "/dashboard/settings/prices",
    "enter-price": "/dashboard/settings/prices/set",
    "logs": "/dashboard/logs",
    "jobs": "/dashboard/jobs",
    "audit": "/dashboard/audit",
    "profile": "/dashboard/profile",
}
AUDITED = (("light", 1280), ("dark", 380))
"""Where axe-core looks: each theme and each width once."""
BUDGET_BYTES = 150 * 1024


@pytest.fixture(scope="module", autouse=True)
def account_id(installation: Installation) -> int:
    """Accounts in several states, windows, a key."""
    installation.accounts("alpha", "beta", "gamma")
    installation.key("laptop")
    with installation.entered():
        put(end(now_ms() - 1000, model="nobody-knows-1", model_served="nobody-knows-1"))
    at = now_ms()
    account_id = installation.scalar("SELECT id FROM accounts WHERE name = 'alpha'")
    for kind, used, left_ms in (("5h", 0.63, 5_000_000), ("7d", 0.97, 200_000_000)):
        write(
            installation,
            "INSERT INTO account_windows (account_id, kind, utilization, reset_at, status, seen_at, source)"
            " VALUES (?, ?, ?, ?, 'allowed', ?, 'poll')",
            account_id,
            kind,
            used,
            at + left_ms,
            at - 20_000,
        )
    write(
        installation,
        "UPDATE accounts SET paused_at = ?, paused_by = 'ada', pause_reason = 'rests' WHERE name = 'beta'",
        at,
    )
    write(
        installation,
        "UPDATE accounts SET cooldown_until = ?, cooldown_reason = 'burst' WHERE name = 'gamma'",
        at + 600_000,
    )
    write(installation, "UPDATE pulse SET beats = beats + 1 WHERE topic = 'accounts'")
    return int(account_id)


@pytest.mark.parametrize("width", [380, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_fit_and_are_accessible(visit: Visit, account_id: int, theme: str, width: int) -> None:
    page = visit("/dashboard/accounts", theme=theme, width=width)
    faults: dict[str, list[str]] = {}
    for name, path in PAGES.items():
        answer = page.goto(path.format(id=account_id))
        assert answer is not None
        assert answer.status == 200, path
        shoot(page, f"{name}-{theme}-{width}")
        found = faults_of(page) if (theme, width) in AUDITED else []
        if is_wider_than_the_window(page):
            found.append("wider than the window")
        if found:
            faults[name] = found
    assert faults == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_way_in_is_accessible(visit: Visit, theme: str) -> None:
    page = visit("/login", role=None, theme=theme, width=380)
    shoot(page, f"login-{theme}-380")
    assert faults_of(page) == []
    assert not is_wider_than_the_window(page)


def test_page_scales_to_a_very_wide_screen(visit: Visit) -> None:
    page = visit("/dashboard/accounts", width=3840)
    shoot(page, "accounts-light-3840")
    box = page.locator(".account").first.bounding_box()
    assert box is not None
    assert box["width"] < 2200


def test_scripts_and_styles_stay_within_their_budget(visit: Visit) -> None:
    page = visit("/dashboard/accounts")
    sizes = page.evaluate("performance.getEntriesByType('resource').map(one => [one.name, one.encodedBodySize])")
    assert sum(size for _, size in sizes) < BUDGET_BYTES
    assert {Path(name).suffix.partition("?")[0] for name, _ in sizes} >= {".js", ".css"}
    assert not any("uplot" in name for name, _ in sizes)


def test_chosen_theme_is_there_before_the_page_draws(visit: Visit) -> None:
    page = visit("/dashboard/accounts", theme="light")
    page.get_by_role("button", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    html = page.request.get("/dashboard/accounts").text()
    assert '<html lang="en" data-theme="dark">' in html
    page.get_by_role("button", name="As the system").click()
    assert "data-theme" not in page.request.get("/dashboard/accounts").text().partition("<head>")[0]


def test_page_is_usable_by_keyboard_alone(visit: Visit) -> None:
    page = visit("/dashboard/accounts")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Add account")).to_be_focused()
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Delete…").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("details.menu[open]")).to_have_count(0)


def test_focus_stays_where_it_was_when_a_part_is_drawn_anew(visit: Visit) -> None:
    page = visit("/dashboard/accounts")
    for path, link in (
        ("/dashboard/accounts", page.get_by_role("link", name="gamma", exact=True)),
        ("/dashboard/jobs", page.locator("main .cards button").nth(2)),
    ):
        page.goto(path)
        link.evaluate("one => { one.focus(); one.isOld = true; }")
        with page.expect_response(f"**{path}"):
            page.evaluate("document.body.dispatchEvent(new Event('tick'))")
        page.wait_for_function("!document.activeElement.isOld && document.activeElement !== document.body")
        expect(link).to_be_focused()


def test_focus_returns_to_the_menu_that_opened_a_dialog(visit: Visit) -> None:
    page = visit("/dashboard/accounts")
    page.locator("summary[title='More for gamma']").press("Enter")
    page.locator(".account", has_text="gamma").get_by_role("link", name="Delete…").press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("summary[title='More for gamma']")).to_be_focused()


def test_long_names_stay_within_the_page(
    visit: Visit,
    installation: Installation,
    account_id: int,
    server: Server,
    new_context: Callable[..., BrowserContext],
) -> None:
    name = "christopher.montgomery-wellington@example-company.com"
    if not installation.scalar("SELECT count(*) FROM users WHERE name = ?", name):
        installation.create_user(name, "a long enough password of chris", "admin")
    write(installation, "UPDATE accounts SET name = ? WHERE id = ?", "x" * 100, account_id)
    try:
        page = new_context(base_url=server.url, viewport={"width": 1280, "height": 800}).new_page()
        page.goto("/login")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill("a long enough password of chris")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/dashboard")
        page.goto(f"/dashboard/accounts/{account_id}")
        assert not is_wider_than_the_window(page)
        side, out = (page.locator(one).bounding_box() for one in (".side", ".side .me button[title='Log out']"))
        assert side is not None
        assert out is not None
        assert out["x"] + out["width"] <= side["x"] + side["width"]
        page.goto("/dashboard/users")
        for width in (1280, 1024):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.locator(".scroll").evaluate("one => one.scrollWidth <= one.clientWidth"), width
        shoot(page, "long-names-users")
    finally:
        write(installation, "UPDATE accounts SET name = 'alpha' WHERE id = ?", account_id)
        write(installation, "DELETE FROM users WHERE name = ?", name)


def test_times_are_told_in_the_readers_zone(visit: Visit) -> None:
    page = visit("/dashboard/accounts")
    title = page.locator("time[data-countdown]").first.get_attribute("title")
    assert title is not None
    assert title.endswith("(Europe/Berlin)")


def test_tables_stand_as_cards_on_a_phone(visit: Visit) -> None:
    page = visit("/dashboard/settings", width=380)
    narrow = "cells => cells.filter(one => one.innerText && one.getBoundingClientRect().width < 200).length"
    for path in ("settings", "settings/prices", "keys", "users", "jobs", "audit"):
        page.goto(f"/dashboard/{path}")
        assert page.locator(".cards tbody > tr > *").count() > 0
        assert page.locator(".cards tbody > tr > *").evaluate_all(narrow) == 0, path


def test_parts_of_the_page_stay_where_they_were_drawn(visit: Visit) -> None:
    page = visit("/dashboard/accounts", width=380)
    for path in ("overview", "requests", "analytics", "accounts", "logs", "jobs"):
        page.goto("/dashboard" if path == "overview" else f"/dashboard/{path}")
        page.wait_for_function("document.readyState === 'complete'")
        moved = page.evaluate(
            """new Promise(done => {
                new PerformanceObserver(list => done(list.getEntries().reduce((sum, one) => sum + one.value, 0)))
                    .observe({type: 'layout-shift', buffered: true});
                requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(0), 200)));
            })"""
        )
        assert moved < 0.05, path


def test_unknown_page_says_so(visit: Visit, expected_errors: list[str]) -> None:
    expected_errors.append("404")
    page = visit("/dashboard/nothing-of-this-name")
    expect(page.get_by_text("There is nothing at /dashboard/nothing-of-this-name.")).to_be_visible()
