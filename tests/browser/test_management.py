"""Keys, users, settings, logs, jobs and the audit log in the browser."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from app.clock import now_ms
from tests.browser.conftest import shoot
from tests.integration.installation import Installation
from tests.integration.server import Server
from tests.unit.usage.records import end, put

Visit = Callable[..., Page]


def test_key_is_shown_once_and_works(visit: Visit, server: Server, installation: Installation) -> None:
    installation.accounts("first")
    page = visit("/dashboard/keys")
    page.get_by_role("link", name=re.compile("Create")).first.click()
    page.get_by_label("Name").fill("laptop of mine")
    page.get_by_label("Budget a month, USD").fill("12.50")
    page.get_by_label("Requests a minute").fill("60")
    page.get_by_label("Models").fill("sonnet, haiku")
    page.get_by_label("Expires").select_option("30")
    page.get_by_role("button", name="Create").click()
    key = page.locator("#new-key").inner_text()
    shoot(page, "key-created")
    assert re.fullmatch(r"ccf_[0-9a-f]{8}_[\w-]{43}", key)
    status, _ = server.call("GET", "/v1/models", headers={"x-api-key": key})
    assert status != 401
    page.get_by_role("link", name="Done").click()
    line = page.locator("tr", has_text="laptop of mine")
    expect(line).to_contain_text("$12.50 a month")
    expect(line).to_contain_text("sonnet, haiku")
    assert key not in page.content()
    line.get_by_role("link", name="Revoke laptop of mine").click()
    page.get_by_label("Type its name to go on").fill("laptop of mine")
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("tr", has_text="laptop of mine").locator(".badge")).to_have_text("revoked")


def test_wrong_budget_is_told_at_its_field(visit: Visit, expected_errors: list[str]) -> None:
    expected_errors.append("400")
    page = visit("/dashboard/keys/create")
    page.get_by_label("Name").fill("spender")
    page.get_by_label("Budget a month, USD").fill("much")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#fault-budget")).to_contain_text("amount in USD")
    expect(page.get_by_label("Name")).to_have_value("spender")


def test_user_is_added_and_shut_out(visit: Visit, expected_errors: list[str]) -> None:
    expected_errors.append("409")
    page = visit("/dashboard/users")
    page.get_by_role("link", name="Add user").click()
    page.get_by_label("Name").fill("uma")
    page.get_by_label("Password").fill("a long password of uma")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("uma may log in.")).to_be_visible()
    line = page.locator("tr", has_text="uma")
    line.get_by_label("Role of uma").select_option("admin")
    line.get_by_role("button", name="Set the role of uma").click()
    expect(page.get_by_text("uma is admin now.")).to_be_visible()
    line.get_by_role("button", name="Shut out").click()
    expect(line.locator(".badge")).to_have_text("shut out")
    own = page.locator("tr", has_text="ada")
    expect(own.get_by_role("button", name="Shut out")).to_have_count(0)
    own.get_by_label("Role of ada").select_option("viewer")
    own.get_by_role("button", name="Set the role of ada").click()
    expect(page.get_by_text("is the last admin")).to_be_visible()


def test_setting_is_changed_and_reset(visit: Visit, server: Server, expected_errors: list[str]) -> None:
    expected_errors.append("400")
    page = visit("/dashboard/settings")
    line = page.locator("tr", has_text="SESSION_DURATION_MS")
    line.get_by_role("link", name="Change").click()
    page.get_by_label("Value").fill("never")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("is not accepted")
    page.get_by_label("Value").fill("3600000")
    page.get_by_role("button", name="Save").click()
    expect(line).to_contain_text("changed here")
    expect(line).to_contain_text("1 h")
    told = json.loads(server.cli("config", "get", "session_duration_ms", "--json").stdout)
    assert (told["value"], told["origin"]) == ("3600000", "stored")
    line.get_by_role("button", name="Reset").click()
    expect(line.locator(".badge")).to_have_text("default")


def test_price_is_entered_and_older_costs_follow(visit: Visit, installation: Installation) -> None:
    with installation.entered():
        put(end(now_ms() - 1000, model="mystery-2", model_served="mystery-2"))
    cost = "SELECT max(cost) FROM requests WHERE model_used = 'mystery-2'"
    assert installation.scalar(cost) is None
    page = visit("/dashboard/settings")
    page.get_by_role("link", name="Prices").click()
    line = page.locator("tr", has_text="mystery-2")
    expect(line).to_contain_text("no price")
    line.get_by_role("link", name="Enter the price of mystery-2").click()
    for label in ("Input tokens", "Output tokens", "Cache reads", "Cache writes, 5 min"):
        page.get_by_label(label).fill("2")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("mystery-2 is priced so from now on.")).to_be_visible()
    expect(line).to_contain_text("entered here")
    page.get_by_role("button", name="Compute anew").click()
    expect(page.locator("#reprice")).to_contain_text("looked at", timeout=15_000)
    assert installation.scalar(cost) == 2 * (100 + 50 + 1000 + 200)
    line.get_by_role("button", name="Remove").click()
    expect(line).to_contain_text("no price")


def test_setting_of_the_environment_is_not_offered(visit: Visit) -> None:
    page = visit("/dashboard/settings")
    line = page.locator("tr", has_text="RETRY_DELAY_MS")
    expect(line.locator(".badge")).to_have_text("environment")
    expect(line.get_by_role("link")).to_have_count(0)


def test_log_is_followed_and_searched(visit: Visit, installation: Installation) -> None:
    page = visit("/dashboard/logs")
    expect(page.get_by_text("following")).to_be_visible()
    path = installation.database.parent / "logs" / "ccflare.log"
    with path.open("a") as log:
        log.write("2026-11-22T10:00:00.000Z WARNING tests [abc123] a rare <b>word</b> appears\n")
    shown = page.locator("#log p", has_text="a rare <b>word</b> appears")
    expect(shown).to_be_visible()
    expect(shown.locator("b")).to_have_text("warn")
    page.get_by_label("With the text").fill("rare <b>")
    page.get_by_label("From level").select_option("warn")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#log p")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert "a rare <b>word</b> appears" in download.value.path().read_text()


@pytest.mark.parametrize(
    ("path", "stream"),
    [
        ("/dashboard", "/overview/beats"),
        ("/dashboard/accounts", "/overview/beats"),
        ("/dashboard/requests", "/requests/stream"),
        ("/dashboard/logs", "/logs/stream"),
    ],
    ids=["overview", "accounts", "requests", "logs"],
)
def test_hidden_tab_gives_its_stream_back(visit: Visit, path: str, stream: str) -> None:
    page = visit("/dashboard/profile")
    with page.expect_response(lambda answer: stream in answer.url):
        page.goto(path)
    hide = "value => { Object.defineProperty(document, 'hidden', {value, configurable: true});"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"
    with page.expect_event("requestfailed", lambda request: stream in request.url):
        page.evaluate(hide, True)
    with page.expect_request(lambda request: stream in request.url):
        page.evaluate(hide, False)


def test_job_runs_on_demand(visit: Visit) -> None:
    page = visit("/dashboard/jobs")
    line = page.locator("tr", has_text="payload-size")
    with page.expect_response(lambda answer: answer.url.endswith("/payload-size/run")) as answer:
        line.get_by_role("button", name=re.compile("Run now")).click()
    assert answer.value.status == 200
    expect(line.get_by_role("button", name=re.compile("Run now"))).to_be_visible(timeout=10_000)
    expect(line.locator(".badge")).to_have_text("ok")


def test_audit_log_tells_who_did_what(visit: Visit, installation: Installation) -> None:
    installation.accounts("first")
    page = visit("/dashboard/accounts")
    page.locator(".account").first.get_by_role("button", name="Pause").click()
    expect(page.locator(".account .badge").first).to_have_text("Paused")
    page.goto("/dashboard/audit")
    page.get_by_label("Concerning").select_option("account")
    page.get_by_role("button", name="Filter").click()
    newest = page.locator("tbody tr").first
    expect(newest).to_contain_text("ada")
    expect(newest).to_contain_text("account.pause")
    expect(newest).to_contain_text("127.0.0.1")
