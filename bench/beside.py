"""Streams through the proxy while people look at a large history on the same worker."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import filled
from bench.figures import percentile
from bench.run import Field, Lateness
from bench.subjects import Subject

PAGES = (
    "/api/analytics?range=24h",
    "/api/analytics?range=7d",
    "/api/analytics?range=30d",
    "/api/requests?limit=100",
    "/api/requests?limit=100&success=false",
    "/api/sessions",
    "/api/stats",
)
_READERS = 2
_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Watch:
    """How late the streams were, and how long the pages that were read meanwhile took."""

    name: str
    late: Lateness
    pages_ms: tuple[float, ...]
    failed: int


def run(home: Path, streams: int, seconds: float) -> list[Watch]:
    """Measure the lateness of streams without and with readers."""
    place = home / "beside"
    place.mkdir(exist_ok=True)
    field = Field(place)
    subject = filled.subject(home, place, field.upstream_port)
    try:
        key = _admin_key(subject)
        subject.start()
        _read_once(subject, key)
        return [
            _watch(field, subject, key, name, readers, streams, seconds)
            for name, readers in (("nobody looks", 0), (f"{_READERS} people look", _READERS))
        ]
    finally:
        subject.stop()
        field.load.close()
        field.upstream.close()


def text(found: Sequence[Watch]) -> str:
    """Return what was found as a table."""
    lines = [f"  {'streams of 50 ms':<18} {'events':>8} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}   pages read"]
    for one in found:
        late = one.late
        p50, p95 = percentile(one.pages_ms, 0.5), percentile(one.pages_ms, 0.95)
        read = f"{len(one.pages_ms)}, p50 {p50:.0f} ms, p95 {p95:.0f} ms"
        pages = f"{read}, {one.failed} failed" if one.pages_ms else "-"
        lines.append(
            f"  {one.name:<18} {late.events:8} {late.p50_ms:8.2f} {late.p99_ms:8.2f} {late.max_ms:8.1f}   {pages}"
        )
    return "\n".join(lines)


def _watch(field: Field, subject: Subject, key: str, name: str, readers: int, streams: int, seconds: float) -> Watch:
    stop = threading.Event()
    took: list[float] = []
    failed: list[str] = []
    threads = [threading.Thread(target=_look, args=(subject, key, stop, took, failed)) for _ in range(readers)]
    for thread in threads:
        thread.start()
    late = field.paced(subject, streams, 50, seconds, key)
    stop.set()
    for thread in threads:
        thread.join()
    if failed:
        print(f"  {failed[0]}")
    return Watch(name, late, tuple(took), len(failed))


def _look(subject: Subject, key: str, stop: threading.Event, took: list[float], failed: list[str]) -> None:
    turn = 0
    while not stop.is_set():
        page = PAGES[turn % len(PAGES)]
        turn += 1
        began = time.monotonic()
        try:
            _get(subject, key, page)
            took.append((time.monotonic() - began) * 1000)
        except (OSError, urllib.error.URLError) as exc:
            failed.append(f"{page}: {exc}")
        stop.wait(_PAUSE_S)


def _read_once(subject: Subject, key: str) -> None:
    for page in PAGES:
        try:
            _get(subject, key, page)
        except urllib.error.HTTPError as exc:
            print(f"  {page}: {exc}: {exc.read()[:200]!r}")


def _get(subject: Subject, key: str, page: str) -> None:
    asked = urllib.request.Request(f"http://127.0.0.1:{subject.port}{page}", headers={"x-api-key": key})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        answer.read()


def _admin_key(subject: Subject) -> str:
    name = f"bench-{time.time_ns()}"
    filled.command(subject, b"sk-ant-api03-bench\n", "add-account", name, "--mode", "console", "--api-key-stdin")
    made = filled.command(subject, b"", "keys", "create", name, "--role", "admin", "--json")
    return str(json.loads(made)["key"])
