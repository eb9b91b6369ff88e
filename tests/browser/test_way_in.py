"""The way in: setup, log-in, log-out, sessions, roles, and the start that refuses to be unsafe."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import NAMES, PASSWORDS, log_in
from tests.integration.installation import Installation
from tests.integration.server import ROOT, Server, eventually

Visit = Callable[..., Page]
NewContext = Callable[..., BrowserContext]


def test_first_start_prints_one_address_that_makes_the_first_admin(
    new_server: Callable[..., Server], new_context: NewContext, expected_errors: list[str]
) -> None:
    expected_errors.append("403")
    server = new_server(workers=2)
    eventually(lambda: server.log().count("leads the background jobs") == 1 and "setup?token=" in server.log())
    (address,) = re.findall(r"http://\S+/setup\?token=\S+", server.log())
    assert server.log().count("export ANTHROPIC_BASE_URL=") == 1
    page = new_context().new_page()
    page.goto(address)
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password", exact=True).fill("password123")
    page.get_by_label("Password again").fill("password123")
    expected_errors.append("400")
    page.get_by_role("button", name="Create the admin").click()
    expect(page.get_by_role("alert")).to_contain_text("guessed first")
    page.get_by_label("Password", exact=True).fill(PASSWORDS["admin"])
    page.get_by_label("Password again").fill(PASSWORDS["admin"])
    page.get_by_role("button", name="Create the admin").click()
    page.wait_for_url(re.compile("/dashboard"))
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")


def test_log_in_says_what_is_wrong_and_leads_to_the_page_that_was_wanted(
    visit: Visit, expected_errors: list[str]
) -> None:
    expected_errors.append("401")
    page = visit("/dashboard/keys?x=1", role=None)
    page.get_by_label("Name").fill(NAMES["admin"])
    page.get_by_label("Password").fill("not the right one")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    page.get_by_label("Password").fill(PASSWORDS["admin"])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/dashboard/keys?x=1")


def test_log_in_leads_to_no_other_site(visit: Visit) -> None:
    for hostile in ("//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"):
        page = visit(f"/login?next={hostile}", role=None)
        assert page.locator("form [name=next]").first.get_attribute("value") == "/dashboard"


def test_log_out_ends_the_session_on_the_server_too(new_context: NewContext, server: Server) -> None:
    context = new_context(base_url=server.url)
    page = context.new_page()
    log_in(page, "viewer")
    kept = context.cookies()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    context.clear_cookies()
    context.add_cookies(kept)
    page.goto("/dashboard/accounts")
    assert "/login" in page.url


def test_log_in_gives_another_cookie(new_context: NewContext, server: Server) -> None:
    context = new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/login")
    before = session_cookie(context)
    log_in(page, "viewer")
    after = session_cookie(context)
    assert before["value"] != after["value"]
    assert after["httpOnly"]
    assert after["sameSite"] == "Lax"


def test_too_many_failures_are_told_in_words(
    server: Server, new_context: NewContext, expected_errors: list[str]
) -> None:
    expected_errors += ["401", "429"]
    page = new_context(base_url=server.url).new_page()
    page.goto("/login")
    for _ in range(11):
        page.get_by_label("Name").fill("nobody of this name")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text(re.compile(r"Too many log-ins have failed\. Wait 1\d min"))


def test_own_sessions_can_be_ended(new_context: NewContext, server: Server) -> None:
    here, there = (new_context(base_url=server.url).new_page() for _ in range(2))
    log_in(here, "viewer")
    log_in(there, "viewer")
    here.goto("/dashboard/profile")
    here.get_by_role("button", name="End", exact=True).first.click()
    expect(here.get_by_text("That browser is logged out.")).to_be_visible()
    there.goto("/dashboard/profile")
    assert "/login" in there.url


def test_a_new_password_logs_the_others_out(
    server: Server, installation: Installation, new_context: NewContext, expected_errors: list[str]
) -> None:
    expected_errors.append("400")
    installation.create_user("pat", "the first password of pat", "viewer")
    here, there = (new_context(base_url=server.url).new_page() for _ in range(2))
    for page in (here, there):
        page.goto("/login")
        page.get_by_label("Name").fill("pat")
        page.get_by_label("Password").fill("the first password of pat")
        page.get_by_role("button", name="Log in").click()
    here.goto("/dashboard/profile")
    for former in ("not it", "the first password of pat"):
        here.get_by_label("Present password").fill(former)
        here.get_by_label("New password", exact=True).fill("the second password of pat")
        here.get_by_label("New password again").fill("the second password of pat")
        here.get_by_role("button", name="Change the password").click()
    expect(here.get_by_text("The password is changed")).to_be_visible()
    there.goto("/dashboard/profile")
    assert "/login" in there.url


def test_viewer_sees_and_changes_nothing_that_is_not_for_viewers(visit: Visit, expected_errors: list[str]) -> None:
    expected_errors.append("403")
    page = visit("/dashboard/accounts", role="viewer")
    expect(page.get_by_role("link", name="Add account")).to_have_count(0)
    expect(page.get_by_role("navigation").get_by_role("link", name="Keys")).to_have_count(0)
    for path in ("/dashboard/keys", "/dashboard/users", "/dashboard/logs", "/dashboard/audit", "/dashboard/accounts/1"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 403, path


def test_everything_in_the_way_in_works_without_script(visit: Visit, expected_errors: list[str]) -> None:
    page = visit("/login", role=None, script=False)
    page.get_by_role("button", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.get_by_label("Name").fill(NAMES["viewer"])
    page.get_by_label("Password").fill(PASSWORDS["viewer"])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")


def test_listening_in_the_open_without_admin_and_tls_is_refused(tmp_path: Path) -> None:
    server = Server(tmp_path, HOST="0.0.0.0", workers=1)
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "wsgi:app"]
    ran = subprocess.run(command, cwd=ROOT, env=server.env, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode != 0
    assert "ccflare create-user" in ran.stderr
    assert "CCFLARE_BEHIND_PROXY=1" in ran.stderr


def session_cookie(context: BrowserContext) -> dict[str, Any]:
    """Return the cookie that holds the log-in."""
    (found,) = [dict(cookie) for cookie in context.cookies() if cookie["httpOnly"]]
    return found
