"""What a hostile page, text or name tries: forged requests, script in what is shown, another name for this host."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from app.gate.shields import POLICY
from tests.browser.conftest import write
from tests.integration.installation import Installation
from tests.integration.server import Server

Visit = Callable[..., Page]
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@pytest.fixture
def cookie(states: dict[str, dict[str, list[dict[str, Any]]]]) -> str:
    (one,) = [found for found in states["admin"]["cookies"] if found["httpOnly"]]
    return f"{one['name']}={one['value']}"


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def forge(server: Server, cookie: str, headers: dict[str, str], fields: dict[str, str] | None = None) -> int:
    body = urlencode({"name": "forged", "role": "admin", "password": "a long enough one", **(fields or {})}).encode()
    status, _ = server.call("POST", "/dashboard/users/create", body, {**FORM, "Cookie": cookie, **headers})
    assert status != 500, server.log()[-4000:]
    return int(status)


def test_change_without_the_forms_token_is_refused(server: Server, cookie: str) -> None:
    assert forge(server, cookie, {}) == 400
    assert forge(server, cookie, {"X-CSRFToken": "made-up"}) == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
    ids=["cross-site", "same-site", "other-origin", "opaque-origin"],
)
def test_change_from_another_site_is_refused_even_with_the_token(
    server: Server, visit: Visit, headers: dict[str, str]
) -> None:
    page = visit("/dashboard/users")
    token = page.locator("meta[name=csrf-token]").get_attribute("content") or ""
    (one,) = [found for found in page.context.cookies() if found["httpOnly"]]
    sent = {**headers, "X-CSRFToken": token}
    assert forge(server, f"{one['name']}={one['value']}", sent) == 403
    assert forge(server, f"{one['name']}={one['value']}", {"X-CSRFToken": token}, {"password": "short"}) == 400


def test_form_on_another_site_changes_nothing(
    server: Server, visit: Visit, new_context: Callable[..., BrowserContext], expected_errors: list[str]
) -> None:
    expected_errors += ["403", "400"]
    page = visit("/dashboard/users")
    page.route(
        "https://evil.example/",
        lambda route: route.fulfill(
            body=f'<form method=post action="{server.url}/dashboard/users/create"><input name=name value=forged>'
            "<button>go</button></form>",
            content_type="text/html",
        ),
    )
    page.goto("https://evil.example/")
    page.get_by_role("button", name="go").click()
    page.wait_for_load_state()
    page.goto(f"{server.url}/dashboard/users")
    expect(page.get_by_text("forged")).to_have_count(0)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.nip.io"])
def test_another_name_for_this_machine_is_refused(server: Server, host: str) -> None:
    status, body = server.call("GET", "/login", headers={"Host": host})
    assert status == 403
    assert b"TRUSTED_HOSTS=" in body


def test_hostile_names_are_shown_as_text(visit: Visit, installation: Installation) -> None:
    installation.accounts("first")
    write(installation, "UPDATE accounts SET name = ?, pause_reason = ?, paused_at = 1, paused_by = ?", *[HOSTILE] * 3)
    installation.key(HOSTILE)
    write(
        installation,
        "INSERT INTO audit_log (at, actor, action, subject, detail) VALUES (1, ?, 'x.y', ?, ?)",
        *[HOSTILE] * 3,
    )
    (account,) = installation.rows("SELECT id FROM accounts")
    page = visit("/dashboard/accounts")
    paths = ["accounts", f"accounts/{account['id']}", f"accounts/{account['id']}/delete", "keys", "audit"]
    for path in paths:
        page.goto(f"/dashboard/{path}")
        assert HOSTILE in page.locator("main").inner_text(), path
        assert page.title() != "owned"
        assert page.locator("main img, main script").count() == 0, path
    page.goto(f"/dashboard/audit?actor={HOSTILE}&subject=%22%3E{HOSTILE}")
    assert page.locator("main img, main script").count() == 0


def test_every_answer_carries_the_shields(visit: Visit) -> None:
    page = visit("/dashboard/accounts")
    for path in ("/dashboard/accounts", "/login", "/dashboard/nothing", "/static/js/ccflare.js", "/api/nothing"):
        headers = page.request.get(path, max_redirects=0).headers
        assert headers["content-security-policy"] == POLICY, path
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
        if "static" not in path:
            assert headers["cache-control"] == "no-store"
            assert "HX-Request" in headers["vary"]


def test_inline_script_would_not_run(visit: Visit, expected_errors: list[str]) -> None:
    expected_errors.append("Content Security Policy")
    page = visit("/dashboard/accounts")
    page.evaluate(
        "const tag = document.createElement('script'); tag.textContent = 'document.title = \"owned\"';"
        "document.body.append(tag)"
    )
    assert page.title() != "owned"
    assert not re.search("unsafe", POLICY)
