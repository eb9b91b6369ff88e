"""A headless Chromium before the real server with the scripted upstream.

`server` and its users live as long as the session; a test leaves them usable for the next one. `visit` opens a page:
`visit("/dashboard/keys", width=380, theme="dark")`, `visit(..., role="viewer")`, or `role=None` for a stranger.
At the end of a test no console of its pages may have shown an error; `expected_errors` names those that may.
"""

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.fakes.upstream import Upstream
from tests.integration.installation import Installation
from tests.integration.server import Server

_PROGRAMS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
CHROMIUM = next((one for one in _PROGRAMS if one.exists()), _PROGRAMS[0])
"""Without the parts that draw windows where it is there: a page costs half of the CPU."""
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SCREENSHOTS = Path(__file__).parent / "screenshots"
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
PASSWORDS = {"admin": "a long enough password of ada", "viewer": "a long enough password of vic"}
NAMES = {"admin": "ada", "viewer": "vic"}
TIMEOUT_MS = 8_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM.exists():
                item.add_marker(pytest.mark.skip(reason=f"{CHROMIUM} is not installed"))


@pytest.fixture(scope="session")
def upstream_process() -> Iterator[Upstream]:
    with Upstream() as up:
        yield up


@pytest.fixture
def upstream(upstream_process: Upstream) -> Upstream:
    upstream_process.reset()
    return upstream_process


@pytest.fixture(scope="session")
def server(upstream_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), upstream_process) as running:
        with Installation(running) as inside:
            for role, name in NAMES.items():
                inside.create_user(name, PASSWORDS[role], role)
        yield running


@pytest.fixture(scope="session")
def installation(server: Server) -> Iterator[Installation]:
    """The server from inside."""
    with Installation(server) as inside:
        yield inside


@pytest.fixture
def new_server(upstream: Upstream, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Make a server for one test, with settings of its own."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Server(tmp_path / "server", upstream, **settings))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def states(server: Server, chromium: Browser) -> dict[str | None, Any]:
    """The cookies of a browser that each role logged in with."""
    found: dict[str | None, Any] = {None: None}
    for role in NAMES:
        context = chromium.new_context(base_url=server.url)
        log_in(context.new_page(), role)
        found[role] = context.storage_state()
        context.close()
    return found


@pytest.fixture
def expected_errors() -> list[str]:
    """Parts of console messages that a test brings about on purpose."""
    return []


@pytest.fixture
def new_context(
    request: pytest.FixtureRequest, chromium: Browser, expected_errors: list[str]
) -> Iterator[Callable[..., BrowserContext]]:
    """Make a browser of its own: `new_context(base_url=...)`; its consoles are watched."""
    contexts: list[BrowserContext] = []
    told: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            told.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def watch(page: Page) -> None:
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", note)
        page.on("pageerror", lambda error: told.append(str(error)))

    def make(**options: Any) -> BrowserContext:
        context = chromium.new_context(**{"locale": "en-GB", "timezone_id": "Europe/Berlin", **options})
        context.on("page", watch)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
    assert [words for words in told if not any(part in words for part in expected_errors)] == []


@pytest.fixture
def visit(
    server: Server, states: dict[str | None, Any], new_context: Callable[..., BrowserContext]
) -> Callable[..., Page]:
    """Open a page as somebody of a role."""

    def go(
        path: str, *, role: str | None = "admin", width: int = 1280, theme: str = "light", script: bool = True
    ) -> Page:
        context = new_context(
            base_url=server.url,
            storage_state=states[role],
            viewport={"width": width, "height": 800},
            color_scheme=theme,
            java_script_enabled=script,
        )
        page = context.new_page()
        page.goto(path)
        return page

    return go


def log_in(page: Page, role: str) -> None:
    """Log in by the form."""
    page.goto("/login")
    page.get_by_label("Name").fill(NAMES[role])
    page.get_by_label("Password").fill(PASSWORDS[role])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(re.compile("/dashboard"))


def faults_of(page: Page) -> list[str]:
    """Return what axe-core finds serious or critical on a page."""
    # The content policy of the page forbids scripts of others; the debugger's door does not ask it.
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{fault['id']}: {node['html'][:200]}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def is_wider_than_the_window(page: Page) -> bool:
    """Whether one has to scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def write(installation: Installation, query: str, *values: Any) -> None:
    """Change the server's database directly."""
    with closing(sqlite3.connect(installation.database, timeout=10)) as connection, connection:
        connection.execute(query, values)


def shoot(page: Page, name: str) -> None:
    """Keep a picture of a page for people, where CCFLARE_TEST_SCREENSHOTS is set."""
    if not os.environ.get("CCFLARE_TEST_SCREENSHOTS"):
        return
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
