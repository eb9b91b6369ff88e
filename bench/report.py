"""Shows an outcome as tables, with a verdict for each goal, and writes it down as JSON."""

import json
import os
import platform
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median

from bench import figures
from bench.figures import Goal
from bench.run import Outcome

_MB = 1_000_000


def goals(outcome: Outcome) -> list[Goal]:
    """Hold ccflare's figures against what we promise, as ratios within this run."""
    json_cpu = figures.ratio(outcome.samples, "json", 16, "ccflare", "bare")
    stream_cpu = figures.ratio(outcome.samples, "50 events", 16, "ccflare", "bare")
    added = figures.added(outcome.samples, ("ccflare", "json", 1), "p50_ms")
    idle = next((rest for rest in outcome.memory if rest.subject == "ccflare" and rest.streams >= 1000), None)
    start = outcome.start_ms.get("ccflare")
    return [
        Goal(
            "CPU of a small JSON request, over the bare pass-through", 0.6, "x", json_cpu.median if json_cpu else None
        ),
        Goal(
            "CPU of a stream of 50 events, over the bare pass-through",
            0.45,
            "x",
            stream_cpu.median if stream_cpu else None,
        ),
        Goal("added at p50, one client at a time", 2.0, "ms", added.median if added else None),
        Goal("memory with 1000 idle streams (PSS)", 150, "MB", idle.idle.pss_bytes / _MB if idle else None),
        Goal("start to ready", 2000, "ms", start),
    ]


def text(outcome: Outcome) -> str:
    """Write all tables."""
    parts = [
        _batches(outcome),
        _ratios(outcome),
        _lateness(outcome),
        _memory(outcome),
        _starts(outcome),
        _idleness(outcome),
    ]
    if outcome.notes:
        parts.append("Notes\n" + "\n".join(f"  {note}" for note in outcome.notes))
    verdicts = [
        f"  {goal.verdict:<12}  {goal.name}: "
        + (f"{goal.seen:.2f} {goal.unit}" if goal.seen is not None else "-")
        + f"  (at most {goal.limit:g} {goal.unit})"
        for goal in goals(outcome)
    ]
    parts.append("Goals\n" + "\n".join(verdicts))
    return "\n\n".join(part for part in parts if part)


def write(outcome: Outcome, folder: Path) -> Path:
    """Write the figures, the raw samples and the machine to `folder/<date>.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%Y-%m-%dT%H%M%S')}.json"
    document = {
        "machine": {
            "cpus": len(os.sched_getaffinity(0)),
            "load_average": os.getloadavg(),
            "kernel": platform.release(),
            "python": platform.python_version(),
        },
        "goals": [asdict(goal) | {"verdict": goal.verdict} for goal in goals(outcome)],
        **asdict(outcome),
    }
    path.write_text(json.dumps(document, indent=1))
    return path


def _batches(outcome: Outcome) -> str:
    rows = [["case", "c", "subject", "requests/s", "CPU s/1000", "p50 ms", "added p50", "added p99", "errors"]]
    order = sorted(figures.keys(outcome.samples), key=lambda key: _rank(outcome, key))
    for key in order:
        found = figures.of(outcome.samples, key)
        direct = key[0] == "direct"
        rows.append(
            [
                key[1],
                str(key[2]),
                key[0],
                f"{median(sample.per_s for sample in found):.0f}",
                "-" if direct else str(figures.spread(sample.cpu_ms for sample in found)),
                f"{median(sample.p50_ms for sample in found):.2f}",
                "-" if direct else str(figures.added(outcome.samples, key, "p50_ms") or "-"),
                "-" if direct else str(figures.added(outcome.samples, key, "p99_ms") or "-"),
                str(sum(sample.errors for sample in found)),
            ]
        )
    return "Batches: median of the rounds (lowest-highest)\n" + _table(rows)


def _rank(outcome: Outcome, key: figures.Key) -> tuple[int, int, int]:
    cases = list(dict.fromkeys(sample.case for sample in outcome.samples))
    names = ["direct", "nginx", "bare", "ccflare"]
    return cases.index(key[1]), key[2], names.index(key[0])


def _ratios(outcome: Outcome) -> str:
    rows = [["case", "c", "CPU of ccflare / bare"]]
    for subject, case, concurrency in figures.keys(outcome.samples):
        found = figures.ratio(outcome.samples, case, concurrency, "ccflare", "bare")
        if subject == "ccflare" and found:
            rows.append([case, str(concurrency), str(found)])
    return "Ratios, round by round\n" + _table(rows) if len(rows) > 1 else ""


def _lateness(outcome: Outcome) -> str:
    rows = [["streams", "subject", "events", "p50 ms", "p99 ms", "max ms", "CPU cores", "errors"]]
    for late in outcome.lateness:
        cores = "-" if late.cpu_share is None else f"{late.cpu_share:.2f}"
        times = [f"{late.p50_ms:.2f}", f"{late.p99_ms:.2f}", f"{late.max_ms:.1f}"]
        rows.append([str(late.streams), late.subject, str(late.events), *times, cores, str(late.errors)])
    return "Lateness of the events of paced streams\n" + _table(rows) if len(rows) > 1 else ""


def _memory(outcome: Outcome) -> str:
    rows = [["subject", "streams", "at start", "before", "with idle streams", "after", "KB a stream"]]
    for rest in outcome.memory:
        grown = (rest.idle.pss_bytes - rest.before.pss_bytes) / max(1, rest.streams) / 1000
        sizes = [
            f"{size.pss_bytes / _MB:.1f} / {size.rss_bytes / _MB:.1f}"
            for size in (rest.at_rest, rest.before, rest.idle, rest.after)
        ]
        rows.append([rest.subject, str(rest.streams), *sizes, f"{grown:.1f}"])
    return "Memory of the process tree, MB (PSS / RSS)\n" + _table(rows) if len(rows) > 1 else ""


def _starts(outcome: Outcome) -> str:
    lines = [f"  {name}: {took:.0f} ms" for name, took in outcome.start_ms.items()]
    if outcome.first_start_ms is not None:
        lines.append(f"  ccflare, the start that makes the database: {outcome.first_start_ms:.0f} ms")
    return "Start to ready\n" + "\n".join(lines) if lines else ""


def _idleness(outcome: Outcome) -> str:
    lines = [f"  {name}: {100 * share:.2f} %" for name, share in outcome.idle_share.items()]
    return "CPU while nothing happens, of one core\n" + "\n".join(lines) if lines else ""


def _table(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
