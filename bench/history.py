"""`python -m bench.history`: fill SQLite with millions of requests and time every list, filter and figure of a page."""

import argparse
import gc
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import filling
from bench.figures import LIMIT_MS, percentile

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True, slots=True)
class Timing:
    """One query, asked again and again with other values."""

    name: str
    p50_ms: float
    p95_ms: float
    worst_ms: float
    cpu_p50_ms: float
    """Time of the processor, which other work on the machine does not stretch."""

    @property
    def verdict(self) -> str:
        """Whether it keeps the limit."""
        return "ok" if self.p95_ms <= LIMIT_MS else "SLOW"


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill, time, print; 1 when a page or a query is above the limit."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="ccflare-history-", dir=options.folder) as made:
        home = Path(options.keep) if options.keep else Path(made)
        home.mkdir(parents=True, exist_ok=True)
        if not (home / "filled").exists():
            _fill(home, options.requests, options.days)
        if options.streams:
            from bench import beside  # noqa: PLC0415 - the server is only needed here

            late = beside.run(home, options.streams, options.seconds)
            print(beside.text(late))
        read = []
        if options.pages:
            from bench import pages  # noqa: PLC0415

            read = pages.run(home, options.pages)
            print(pages.text(read))
        timings = _time(home, options.repeat)
    print(text(timings))
    _write(timings, options.requests)
    return int(any(timing.verdict != "ok" for timing in timings) or any(page.is_slow for page in read))


def text(timings: Sequence[Timing]) -> str:
    """Return the timings as a table."""
    lines = [f"  {'query':<52} {'p50 ms':>8} {'p95 ms':>8} {'worst':>8} {'CPU p50':>8}"]
    for one in timings:
        mark = "" if one.verdict == "ok" else f"  {one.verdict}"
        lines.append(
            f"  {one.name:<52} {one.p50_ms:8.1f} {one.p95_ms:8.1f} {one.worst_ms:8.1f} {one.cpu_p50_ms:8.1f}{mark}"
        )
    slow = sum(one.verdict != "ok" for one in timings)
    verdict = f"{slow} above {LIMIT_MS:g} ms" if slow else f"all within {LIMIT_MS:g} ms at p95"
    return "\n".join([*lines, f"  {len(timings)} queries, {verdict}"])


def timed(name: str, asks: Sequence[Callable[[], object]], repeat: int) -> Timing:
    """Ask each once to warm up, then all in turn; return how long an ask took."""
    for ask in asks:
        ask()
    took, used = [], []
    for turn in range(max(repeat, len(asks))):
        began, cpu = time.perf_counter(), time.thread_time()
        asks[turn % len(asks)]()
        took.append((time.perf_counter() - began) * 1000)
        used.append((time.thread_time() - cpu) * 1000)
    return Timing(name, percentile(took, 0.5), percentile(took, 0.95), max(took), percentile(used, 0.5))


def _fill(home: Path, requests: int, days: int) -> None:
    began = time.monotonic()
    for step, took in filling.fill(home, requests, days):
        print(f"  {step:<40} {took:7.1f} s", flush=True)
    size = (home / "ccflare.db").stat().st_size / 1e9
    print(f"  {requests:,} requests over {days} days in {time.monotonic() - began:.0f} s, {size:.2f} GB", flush=True)
    (home / "filled").touch()


def _time(home: Path, repeat: int) -> list[Timing]:
    from app.db import db  # noqa: PLC0415 - after the file is filled
    from bench.asking import asks  # noqa: PLC0415

    app = filling.application(home)
    found = []
    with app.app_context():
        gc.freeze()  # As the server does when it has started.
        rng = random.Random(1)
        for name, variants in asks(rng).items():
            one = timed(name, variants, repeat)
            print(
                f"  {name:<52} {one.p50_ms:8.1f} {one.p95_ms:8.1f} {one.cpu_p50_ms:8.1f}", file=sys.stderr, flush=True
            )
            found.append(one)
        db.engine.dispose()
    return found


def _write(timings: Sequence[Timing], requests: int) -> None:
    path = RESULTS / f"history-{time.strftime('%Y-%m-%dT%H%M%S')}.json"
    document = {"requests": requests, "timings": [asdict(one) for one in timings], "sqlite": sqlite3.sqlite_version}
    path.write_text(json.dumps(document, indent=1))
    print(f"  written to {path}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.history", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000_000, help="how many (10 million)")
    parser.add_argument("--days", type=int, default=365, help="over how many days (365)")
    parser.add_argument("--repeat", type=int, default=40, help="how often each query is asked (40)")
    parser.add_argument("--folder", help="where to make the database; it is removed at the end")
    parser.add_argument("--keep", help="a folder to make it in, or to use again")
    parser.add_argument("--streams", type=int, default=50, help="streams beside a busy dashboard; 0: none (50)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long the streams are watched (10)")
    parser.add_argument("--pages", type=int, default=20, help="how often each page is read; 0: none (20)")
    return parser


def facts(home: Path) -> dict[str, int]:
    """Return what lies in a filled database."""
    with closing(sqlite3.connect(home / "ccflare.db")) as connection:
        names = ("requests", "attempts", "rollups", "client_sessions", "session_parts", "facets")
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}


if __name__ == "__main__":
    sys.exit(main())
