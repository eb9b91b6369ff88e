"""Pages of the dashboard on a large history, with nobody else there."""

import re
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

from bench import filled
from bench.figures import LIMIT_MS, percentile

_LINK = re.compile(r'href="(/dashboard/(?:requests|sessions)/[^"?#.]+)"')
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
PAGES = (
    *("/dashboard", "/dashboard?range=7d", "/dashboard/overview/now", "/dashboard/overview/figures"),
    *("/dashboard/overview/figures?range=7d", "/dashboard/overview/figures?range=30d"),
    *("/dashboard/requests", "/dashboard/requests?success=false", "/dashboard/requests?model=claude-sonnet-4-5"),
    *("/dashboard/requests?account=2", "/dashboard/sessions", "/dashboard/sessions?account=5"),
    *("/dashboard/analytics", "/dashboard/analytics?range=7d", "/dashboard/analytics?range=30d"),
    *("/dashboard/analytics?range=30d&group=model", "/dashboard/analytics?range=7d&group=account"),
    *(f"/dashboard/analytics/charts/{part}?range=7d" for part in ("sums", "first_token", "duration", "speed")),
    *(f"/dashboard/analytics/charts/{part}?range=7d&group=account" for part in ("sums", "first_token", "duration")),
    *(f"/dashboard/analytics/charts/{part}?range=30d&group=model" for part in ("sums", "first_token", "duration")),
    *("/dashboard/accounts", "/dashboard/keys", "/dashboard/users", "/dashboard/settings"),
    *("/dashboard/settings/prices", "/dashboard/logs", "/dashboard/jobs", "/dashboard/audit"),
)


@dataclass(frozen=True, slots=True)
class Page:
    """How long one page took, from the request to the last byte of its answer. `size` in bytes."""

    path: str
    size: int
    p50_ms: float
    p95_ms: float

    @property
    def verdict(self) -> str:
        """What stands beside its figures."""
        return "  SLOW" if self.is_slow else ""

    @property
    def is_slow(self) -> bool:
        """Whether it is above the limit."""
        return self.p95_ms > LIMIT_MS


def run(home: Path, repeat: int) -> list[Page]:
    """Log in and read every page again and again, one after the other."""
    place = home / "pages"
    place.mkdir(exist_ok=True)
    subject = filled.subject(home, place)
    name, password = f"bench-{time.time_ns()}", secrets.token_urlsafe(20)
    filled.command(subject, password.encode(), "create-user", name, "--password-stdin")
    subject.start()
    try:
        with requests.Session() as reader:
            reader.trust_env = False
            base = f"http://127.0.0.1:{subject.port}"
            _log_in(reader, base, name, password)
            return [_page(reader, base, path, repeat) for path in _paths(reader, base)]
    finally:
        subject.stop()


def text(found: Sequence[Page]) -> str:
    """Return what was found as a table."""
    head = f"  {'page':<58} {'KB':>6} {'p50 ms':>8} {'p95 ms':>8}"
    rows = [
        f"  {one.path[:58]:<58} {one.size / 1000:6.0f} {one.p50_ms:8.1f} {one.p95_ms:8.1f}{one.verdict}"
        for one in found
    ]
    return "\n".join([head, *rows])


def _log_in(reader: requests.Session, base: str, name: str, password: str) -> None:
    form = reader.get(f"{base}/login", timeout=30).text
    token = _TOKEN.search(form)
    given = {"name": name, "password": password, "csrf_token": token[1] if token else ""}
    answer = reader.post(f"{base}/login", data=given, timeout=30, headers={"origin": base})
    answer.raise_for_status()
    if "/login" in answer.url:
        raise RuntimeError("the log-in was refused")


def _paths(reader: requests.Session, base: str) -> Iterator[str]:
    yield from PAGES
    for listed in ("/dashboard/requests", "/dashboard/sessions"):
        link = next((one for one in _LINK.findall(reader.get(base + listed, timeout=30).text) if listed in one), None)
        if link is not None:
            yield link


def _page(reader: requests.Session, base: str, path: str, repeat: int) -> Page:
    took = []
    size = 0
    for turn in range(repeat + 1):
        began = time.perf_counter()
        answer = reader.get(base + path, timeout=30)
        if turn:
            took.append((time.perf_counter() - began) * 1000)
        answer.raise_for_status()
        size = len(answer.content)
    return Page(path, size, percentile(took, 0.5), percentile(took, 0.95))
