"""Accounts in the browser: each kind added, and each thing that is done to one, with and without script."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from app.clock import now_ms
from tests.browser.conftest import shoot, write
from tests.fakes.upstream import Upstream
from tests.integration.installation import Installation

Visit = Callable[..., Page]


@pytest.fixture(autouse=True)
def _accounts(installation: Installation) -> None:
    installation.accounts("first", "second")


def test_limits_by_the_minute_are_folded_and_stay_open_once_opened(visit: Visit, installation: Installation) -> None:
    at = now_ms()
    for kind, used in (("5h", 0.5), ("requests", 0.02), ("input_tokens", 0.31)):
        write(
            installation,
            "INSERT INTO account_windows (account_id, kind, utilization, reset_at, status, seen_at, source)"
            " SELECT id, ?, ?, ?, 'allowed', ?, 'header' FROM accounts WHERE name = 'first'",
            kind,
            used,
            at + 600_000,
            at,
        )
    page = visit("/dashboard/accounts")
    card = page.locator(".account").first
    expect(card.get_by_text("5 hours", exact=True)).to_be_visible()
    expect(card.get_by_text("Requests", exact=True)).to_be_hidden()
    card.get_by_text("Limits by the minute: input tokens 31% used").click()
    expect(card.get_by_text("Requests", exact=True)).to_be_visible()
    with page.expect_response("**/dashboard/accounts"):
        page.evaluate("document.body.dispatchEvent(new Event('tick'))")
    expect(page.locator(".account").first.get_by_text("Requests", exact=True)).to_be_visible()


def agreed(page: Page, upstream: Upstream) -> str:
    """Return the code that the provider's page shows to whoever opens the link and agrees."""
    address = page.get_by_role("link", name="Open the page").get_attribute("href")
    assert address is not None
    assert address.startswith(upstream.url)
    return upstream.authorize(address)


@pytest.mark.parametrize(
    ("mode", "endpoint"),
    [
        ("console", None),
        ("zai", None),
        ("anthropic-compatible", "https://upstream.example/base"),
        ("openai-compatible", "https://upstream.example"),
        ("kimi", None),
    ],
    ids=["console", "zai", "anthropic-compatible", "openai-compatible", "preset"],
)
def test_account_with_a_key_is_added(visit: Visit, installation: Installation, mode: str, endpoint: str | None) -> None:
    page = visit(f"/dashboard/accounts/add?mode={mode}")
    page.get_by_label("Name").fill(f"new {mode}")
    page.get_by_label("Priority").fill("7")
    page.get_by_label("API key").fill("sk-a-key-of-mine")
    if endpoint:
        page.get_by_label("Base URL").fill(endpoint)
        page.get_by_text("Model mappings").click()
        page.get_by_label("FROM=TO").fill("opus=best-model,next-model\nhaiku=")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text(f"new {mode} is in the pool.")).to_be_visible()
    stored = installation.rows("SELECT * FROM accounts WHERE name = ?", f"new {mode}")[0]
    assert (stored["provider"], stored["priority"]) == (mode, 7)
    assert (stored["endpoint"] or None) == (endpoint or None)
    assert ("best-model" in (stored["model_mappings"] or "")) == bool(endpoint)
    assert "sk-a-key-of-mine" not in page.content()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_account_is_added_by_logging_in(
    visit: Visit, upstream: Upstream, installation: Installation, script: bool, expected_errors: list[str]
) -> None:
    expected_errors.append("400")
    page = visit("/dashboard/accounts/add?mode=max", script=script)
    page.get_by_label("Name").fill("plan")
    page.get_by_role("button", name="Log in at the provider").click()
    code = agreed(page, upstream)
    page.get_by_label("Code").fill("only-half")
    page.get_by_role("button", name="Finish").click()
    expect(page.locator(".fault")).to_contain_text("second half")
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Finish").click()
    expect(page.get_by_text("plan is logged in.")).to_be_visible()
    assert installation.scalar("SELECT refresh_token IS NOT NULL FROM accounts WHERE name = 'plan'") == 1


def test_account_is_logged_in_again(visit: Visit, upstream: Upstream, installation: Installation) -> None:
    page = visit("/dashboard/accounts/add?mode=max")
    page.get_by_label("Name").fill("plan")
    page.get_by_role("button", name="Log in at the provider").click()
    page.get_by_label("Code").fill(agreed(page, upstream))
    page.get_by_role("button", name="Finish").click()
    page.get_by_role("link", name="plan", exact=True).click()
    page.get_by_role("button", name="Log in again").click()
    page.get_by_label("Code").fill(agreed(page, upstream))
    page.get_by_role("button", name="Finish").click()
    expect(page.get_by_text("plan is logged in.")).to_be_visible()
    assert installation.scalar("SELECT count(*) FROM accounts WHERE name = 'plan'") == 1


def test_wrong_input_is_told_at_its_field_and_nothing_is_lost(visit: Visit, expected_errors: list[str]) -> None:
    expected_errors += ["400", "409"]
    page = visit("/dashboard/accounts/add?mode=openai-compatible")
    page.get_by_label("Name").fill("first")
    page.get_by_label("API key").fill("sk-x")
    page.get_by_label("Base URL").fill("http://169.254.169.254/latest")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#fault-endpoint")).to_contain_text("metadata")
    expect(page.get_by_label("Name")).to_have_value("first")
    page.get_by_label("API key").fill("sk-x")
    page.get_by_label("Base URL").fill("https://upstream.example")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#fault-name")).to_have_text("is taken")


def test_pause_and_resume_change_only_the_row(visit: Visit) -> None:
    page = visit("/dashboard/accounts")
    page.evaluate("window.sameLoad = true")
    line = page.locator(".account").first
    line.get_by_role("button", name="Pause").click()
    expect(line.locator(".badge")).to_have_text("Paused")
    expect(line).to_contain_text("by ada")
    line.get_by_role("button", name="Resume").click()
    expect(line.locator(".badge")).to_have_text("Ready")
    assert page.evaluate("window.sameLoad")


def test_what_was_sent_is_answered_though_the_list_is_drawn_anew_meanwhile(
    visit: Visit, expected_errors: list[str]
) -> None:
    expected_errors += ["ERR_FAILED", "[object Event]"]  # No event of the server makes good what a page misses.
    page = visit("/dashboard/accounts")
    page.route("**/overview/beats", lambda route: route.abort())
    page.reload()
    line = page.locator(".account").first
    sent: list[Route] = []
    page.route("**/pause", lambda route: sent.append(route))
    with page.expect_request("**/pause"):
        line.get_by_role("button", name="Pause").click()
    page.evaluate("""new Promise((done) => {
      const look = (event) => { if (event.detail.pathInfo.requestPath === "/dashboard/accounts") done(); };
      document.addEventListener("htmx:afterRequest", look);
      document.body.dispatchEvent(new Event("tick"));
    })""")
    sent[0].continue_()
    expect(line.locator(".badge")).to_have_text("Paused")


def test_pause_with_a_reason_in_a_dialog(visit: Visit) -> None:
    page = visit("/dashboard/accounts")
    page.get_by_label("More for first").click()
    page.get_by_role("link", name="Pause with a reason…").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    shoot(page, "dialog-pause")
    page.get_by_label("Reason").fill("keeps its reserve")
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(page.locator(".account").first).to_contain_text("by ada: keeps its reserve")


def test_delete_wants_the_name(visit: Visit, installation: Installation) -> None:
    page = visit("/dashboard/accounts")
    page.get_by_label("More for second").click()
    page.locator(".account").nth(1).get_by_role("link", name="Delete…").click()
    button = page.get_by_role("button", name="Delete")
    expect(button).to_be_disabled()
    page.get_by_label("Type its name to go on").fill("second")
    button.click()
    expect(page.get_by_text("second is deleted.")).to_be_visible()
    assert installation.scalar("SELECT count(*) FROM accounts") == 1


def test_delete_works_without_script_and_only_by_name(
    visit: Visit, installation: Installation, expected_errors: list[str]
) -> None:
    expected_errors.append("400")
    account_id = installation.scalar("SELECT id FROM accounts WHERE name = 'second'")
    page = visit(f"/dashboard/accounts/{account_id}/delete", script=False)
    page.get_by_label("Type its name to go on").fill("first")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".fault")).to_contain_text("is not the name")
    page.get_by_label("Type its name to go on").fill("second")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("second is deleted.")).to_be_visible()


def test_everything_of_an_account_can_be_changed(
    visit: Visit, installation: Installation, expected_errors: list[str]
) -> None:
    expected_errors.append("400")
    page = visit("/dashboard/accounts")
    page.get_by_role("link", name="first", exact=True).click()
    page.get_by_label("Name").fill("renamed")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("renamed")
    page.get_by_label("Base URL").fill("https://elsewhere.example")
    page.locator("article", has=page.get_by_role("heading", name="Endpoint")).get_by_role("button").click()
    expect(page.get_by_text("The endpoint is changed.")).to_be_visible()
    mappings = page.locator("article", has=page.get_by_role("heading", name="Model mappings"))
    mappings.get_by_role("textbox").fill("no mapping")
    mappings.get_by_role("button").click()
    expect(page.locator("#fault-model_mappings")).to_contain_text("FROM=TO")
    mappings.get_by_role("textbox").fill("opus=best")
    mappings.get_by_role("button").click()
    page.get_by_label("Another API key").fill("sk-another")
    page.get_by_role("button", name="Replace").click()
    expect(page.get_by_text("The key is replaced.")).to_be_visible()
    page.get_by_label("Priority").fill("55")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_text("The priority is changed.")).to_be_visible()
    (stored,) = installation.rows("SELECT * FROM accounts WHERE name = 'renamed'")
    assert (stored["endpoint"], stored["model_mappings"]) == ("https://elsewhere.example", '{"opus": ["best"]}')


def test_list_follows_changes_made_elsewhere(visit: Visit, installation: Installation) -> None:
    page = visit("/dashboard/accounts")
    expect(page.locator("#pulse")).to_have_text("All 2 accounts ready")
    page.wait_for_timeout(700)  # The stream tells what changes after it opened.
    installation.run("pause", "second", "--reason", "from the shell")
    expect(page.locator(".account").nth(1)).to_contain_text("from the shell", timeout=5_000)
    page.evaluate("document.body.dispatchEvent(new Event('tick'))")
    expect(page.locator("#pulse")).to_have_text("1 of 2 accounts ready")


def test_word_on_a_server_that_was_away_goes_when_it_is_back(visit: Visit, expected_errors: list[str]) -> None:
    expected_errors += ["ERR_INTERNET_DISCONNECTED", "htmx:sendError", "htmx:afterRequest"]
    expected_errors.append("[object Event]")  # A stream that was just being opened breaks too; its extension says so.
    page = visit("/dashboard/accounts")
    page.context.set_offline(True)
    page.evaluate("document.body.dispatchEvent(new Event('tick'))")
    expect(page.get_by_text("The server cannot be reached.")).to_be_visible()
    page.context.set_offline(False)
    page.evaluate("document.body.dispatchEvent(new Event('tick'))")
    expect(page.get_by_text("The server cannot be reached.")).to_have_count(0)
