"""The list of requests and one request: live, a failover explained, what was said, hostile text."""

import re
import threading
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from app.clock import now_ms
from tests.browser import traffic
from tests.browser.conftest import faults_of, is_wider_than_the_window, shoot
from tests.fakes import steps
from tests.fakes.upstream import Upstream
from tests.integration.installation import Installation, key_of
from tests.integration.server import Server
from tests.unit.usage.records import attempt, end, put

Visit = Callable[..., Page]
FAILED_OVER = f"SELECT id FROM requests WHERE session_id = '{traffic.SESSION}' AND attempts = 2"
LONG = "SELECT id FROM requests WHERE session_id = 'long-session'"


@pytest.fixture(scope="module", autouse=True)
def _traffic(server: Server, installation: Installation, upstream_process: Upstream) -> None:
    upstream_process.reset()
    installation.server.call("GET", "/health")
    traffic.make(server, installation, upstream_process)


@pytest.fixture
def failed_over(installation: Installation) -> str:
    return traffic.address(installation, f"{FAILED_OVER} ORDER BY id DESC LIMIT 1")


@pytest.mark.parametrize("width", [380, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_requests_fit_and_are_accessible(visit: Visit, failed_over: str, theme: str, width: int) -> None:
    page = visit("/dashboard/requests", theme=theme, width=width)
    expect(page.locator("#live-state")).to_have_text("live")
    shoot(page, f"requests-{theme}-{width}")
    assert faults_of(page) == []
    assert not is_wider_than_the_window(page)
    page.goto(failed_over)
    expect(page.locator(".turn.is-answer")).to_be_visible()
    page.get_by_role("button", name="Headers, bodies, curl").click()
    expect(page.locator("#curl")).to_be_visible()
    shoot(page, f"request-{theme}-{width}")
    assert faults_of(page) == []
    assert not is_wider_than_the_window(page)


@pytest.mark.parametrize("width", [380, 1280])
def test_names_without_a_space_stay_within_the_page(visit: Visit, installation: Installation, width: int) -> None:
    names = {"model": "m" * 200, "session_id": "s" * 200, "account_name": "a" * 100, "error": "e" * 400}
    tried = attempt(1, "upstream", 500) | {"account_name": "a" * 100, "detail": "d" * 400}
    with installation.entered():
        put(end(now_ms() - 3_600_000, status=500, user_agent="u" * 300, attempts=[tried], **names))
    page = visit("/dashboard/requests?q=" + "s" * 200, width=width)
    page.locator("#rows tr a").first.click()
    expect(page.locator(".tries")).to_contain_text("aaa")
    assert not is_wider_than_the_window(page)
    page.get_by_role("link", name="its session").click()
    expect(page.locator(".tree").first).to_be_visible()
    assert not is_wider_than_the_window(page)


def test_request_appears_at_its_start_and_settles_at_its_end(visit: Visit, server: Server, upstream: Upstream) -> None:
    page = visit("/dashboard/requests", role="viewer")
    expect(page.locator("#live-state")).to_have_text("live")
    upstream.script(key_of("beta"), [steps.hold("here", steps.message(text="done"), at=2)])
    sender = threading.Thread(target=traffic.send, args=(server, [{"role": "user", "content": "slow"}], "live-session"))
    sender.start()
    first = page.locator("#rows tr").first
    expect(first).to_contain_text("running")
    expect(first.locator("time[data-elapsed]")).to_have_text(re.compile(r"^[1-9] s$"))
    upstream.release("here")
    sender.join()
    expect(first).to_contain_text("200")
    expect(first).to_contain_text("beta")


def test_page_of_a_running_request_brings_everything_at_its_end(
    visit: Visit, server: Server, upstream: Upstream
) -> None:
    page = visit("/dashboard/requests")
    expect(page.locator("#live-state")).to_have_text("live")
    upstream.script(key_of("beta"), [steps.hold("there", steps.message(text="the very end"), at=2)])
    sender = threading.Thread(target=traffic.send, args=(server, [{"role": "user", "content": "slow"}], "live-session"))
    sender.start()
    page.locator("#rows tr.is-running a").first.click()
    expect(page.get_by_text("What is said is shown when it ends.")).to_be_visible()
    with page.expect_response("**/dashboard/requests/req_*"):
        pass
    upstream.release("there")
    sender.join()
    expect(page.locator(".turn.is-answer")).to_contain_text("the very end")
    expect(page.get_by_role("button", name="Headers, bodies, curl")).to_be_visible()


def test_filter_stands_in_the_address_and_empty_fields_do_not(visit: Visit) -> None:
    page = visit("/dashboard/requests")
    page.get_by_label("Result").select_option("failed")
    page.wait_for_url("**/dashboard/requests?failed=1")
    expect(page.locator("#rows tr[data-id]", has_text="529").first).to_be_visible()
    expect(page.locator("#rows tr[data-id]:not(.is-failed)")).to_have_count(0)
    page.get_by_role("link", name="Show all").click()
    page.get_by_label("Search").fill("long-sess")
    page.keyboard.press("Enter")
    page.wait_for_url("**/dashboard/requests?q=long-sess")
    expect(page.locator("#rows tr[data-id]").first).to_be_visible()
    page.goto("/dashboard/requests?q=nothing-is-named-so")
    expect(page.get_by_text("No request is like that")).to_be_visible()


def test_older_requests_follow_in_place(visit: Visit) -> None:
    page = visit("/dashboard/requests")
    rows = page.locator("#rows tr[data-id]")
    before = rows.count()
    page.get_by_role("button", name="Older").click()
    expect(rows.nth(before + 5)).to_be_attached()


def test_back_finds_the_older_rows_and_the_place(visit: Visit) -> None:
    page = visit("/dashboard/requests")
    rows = page.locator("#rows tr[data-id]")
    before = rows.count()
    page.get_by_role("button", name="Older").click()
    expect(rows.nth(before + 5)).to_be_attached()
    rows.nth(before + 5).scroll_into_view_if_needed()
    top = page.evaluate("scrollY")
    rows.nth(before + 5).get_by_role("link").click()
    expect(page.get_by_role("heading", name="Who was asked")).to_be_visible()
    page.go_back()
    expect(rows.nth(before + 5)).to_be_in_viewport()
    assert abs(page.evaluate("scrollY") - top) < 200


def test_back_finds_the_fields_as_the_address_says(visit: Visit) -> None:
    page = visit("/dashboard/requests")
    page.get_by_label("Search").fill("over")
    page.keyboard.press("Enter")
    page.wait_for_url("**/dashboard/requests?q=over")
    page.go_back()
    expect(page).to_have_url(re.compile("/requests$"))
    expect(page.get_by_label("Search")).to_have_value("")


def test_choice_made_by_keys_waits_for_the_button(visit: Visit) -> None:
    page = visit("/dashboard/requests")
    page.get_by_label("Result").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Result")).to_have_value("1")
    page.wait_for_timeout(300)
    expect(page).to_have_url(re.compile("/requests$"))
    page.get_by_role("button", name="Filter").press("Enter")
    expect(page).to_have_url(re.compile("failed=1$"))


def test_held_list_says_how_many_wait(visit: Visit, server: Server) -> None:
    page = visit("/dashboard/requests")
    state = page.locator("#live-state")
    expect(state).to_have_text("live")
    page.get_by_role("button", name="Hold").click()
    expect(state).to_have_text("held")
    for _ in range(2):
        traffic.send(server, [{"role": "user", "content": "hello"}])
    expect(state).to_have_text("held · 2 new")
    page.get_by_role("button", name="Go on").click()
    expect(state).to_have_text("live")


def test_filters_stand_back_on_a_phone(visit: Visit) -> None:
    page = visit("/dashboard/requests", width=380, script=False)
    expect(page.get_by_label("Result")).to_be_hidden()
    page.get_by_label("More filters").check()
    page.get_by_label("Result").select_option("failed")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile("failed=1"))
    expect(page.get_by_label("Result")).to_be_visible()


@pytest.mark.parametrize("width", [380, 900, 1024, 1150])
@pytest.mark.parametrize("name", ["requests", "sessions"])
def test_no_column_is_out_of_sight(visit: Visit, name: str, width: int) -> None:
    page = visit(f"/dashboard/{name}", width=width)
    assert page.locator(".scroll").evaluate("one => one.scrollWidth <= one.clientWidth")


def test_failover_is_explained(visit: Visit, failed_over: str) -> None:
    page = visit(failed_over)
    tries = page.locator(".tries > li")
    expect(tries).to_have_count(2)
    expect(tries.nth(0)).to_contain_text("its quota is used up")
    expect(tries.nth(0)).to_contain_text("It rests until")
    expect(tries.nth(1)).to_contain_text("served")


def test_what_was_said_is_read_right_and_hostile_text_stays_text(visit: Visit, failed_over: str) -> None:
    page = visit(failed_over)
    turns = page.locator(".turn")
    expect(turns).to_have_count(4)
    expect(turns.nth(0)).to_contain_text(f"Größe & 日本語 {traffic.HOSTILE}")
    expect(turns.nth(0).get_by_alt_text("Image in the conversation")).to_be_visible()
    expect(turns.nth(1)).to_contain_text("münze.py")
    turns.nth(1).get_by_role("link", name="result").click()
    expect(page.locator("#result-toolu_1")).to_contain_text("'ä' != 'a'")
    expect(turns.nth(3)).to_contain_text("It is the umlaut. ✓")
    expect(page.get_by_text("Work in small steps.")).to_be_hidden()
    assert page.title() != "owned"
    assert page.locator("main script:not([type='application/json']), main img:not([alt^=Image])").count() == 0


def test_long_conversation_begins_at_its_end(visit: Visit, installation: Installation) -> None:
    page = visit(traffic.address(installation, f"{LONG} ORDER BY id DESC LIMIT 1"))
    turns = page.locator(".turn")
    expect(turns).to_have_count(20)
    expect(turns.last).to_contain_text("this answer")
    page.get_by_role("button", name="182 earlier messages").scroll_into_view_if_needed()
    first = turns.filter(has_text="Turn 182.")
    before = first.bounding_box()
    page.get_by_role("button", name="182 earlier messages").click()
    expect(turns).to_have_count(40)
    page.wait_for_timeout(200)
    after = first.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) < 60
    expect(page.get_by_role("button", name="162 earlier messages")).to_be_visible()


def test_curl_and_bodies_hold_no_secret(visit: Visit, failed_over: str, installation: Installation) -> None:
    page = visit(f"{failed_over}/bodies")
    command = page.locator("#curl").inner_text()
    assert command.startswith("curl http")
    assert "$ANTHROPIC_API_KEY" in command
    assert "sk-ant" not in page.content()
    assert installation.scalar("SELECT count(*) FROM audit_log WHERE action = 'payload.view'") > 0


def test_long_names_of_headers_leave_room_for_their_values(visit: Visit, failed_over: str) -> None:
    page = visit(f"{failed_over}/bodies")
    value = page.locator("dt", has_text="anthropic-ratelimit-").first.locator("xpath=following-sibling::dd[1]")
    box = value.bounding_box()
    assert box is not None
    assert box["width"] > 100
    assert box["height"] < 80


def test_free_range_is_in_the_address_and_a_named_one_takes_its_place(visit: Visit) -> None:
    page = visit("/dashboard/requests")
    page.get_by_label("From").fill("2026-01-02T03:04")
    page.get_by_label("To").fill("2026-01-02T04:04")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**/dashboard/requests?from=2026-01-02T03%3A04&to=2026-01-02T04%3A04")
    expect(page.get_by_text("No request is like that")).to_be_visible()
    expect(page.locator(".asked time").first).to_have_text(re.compile("2 Jan 2026, 03:04:00"))
    page.get_by_label("When").select_option("24h")
    page.wait_for_url("**/dashboard/requests?range=24h")


def test_viewer_does_not_see_what_was_said(visit: Visit, failed_over: str, expected_errors: list[str]) -> None:
    expected_errors.append("403")
    page = visit(failed_over, role="viewer")
    expect(page.get_by_text("What was said is shown to admins alone.")).to_be_visible()
    page.goto(f"{failed_over}/conversation")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")


def test_everything_works_without_script(visit: Visit, failed_over: str) -> None:
    page = visit("/dashboard/requests?failed=1", script=False)
    page.locator("#rows a").first.click()
    expect(page.get_by_role("heading", name="Who was asked")).to_be_visible()
    page.goto(failed_over)
    page.get_by_role("link", name="Show what was said").click()
    expect(page.locator(".turn.is-answer")).to_contain_text("It is the umlaut.")
