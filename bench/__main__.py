"""`python -m bench`: measure, print the tables, write them to `bench/results`; `--profile` shows where the CPU goes."""

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import report, run, tree
from bench.profile import profile
from bench.run import Field, Outcome
from bench.subjects import BUILDERS, Subject, Unavailable

RESULTS = Path(__file__).resolve().parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; 1 when a goal was missed."""
    options = _parser().parse_args(arguments)
    unknown = set(options.only) - set(BUILDERS)
    if unknown:
        print(f"unknown subject: {', '.join(sorted(unknown))}; there are {', '.join(BUILDERS)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="ccflare-bench-") as home:
        if options.profile:
            return _profile(Path(home), options.profile, options.seconds)
        outcome = measure(Path(home), options.only, options.rounds, options.quick)
    print("\n" + report.text(outcome))
    print(f"\nWritten to {report.write(outcome, RESULTS)}")
    return int(any(goal.verdict == "FAIL" for goal in report.goals(outcome)))


def measure(home: Path, names: list[str], rounds: int | None, quick: bool) -> Outcome:
    """Measure the named subjects in one run."""
    outcome = Outcome()
    field = Field(home)
    table = run.cases(0.3 if quick else 1.0)
    if quick:
        table = [case for case in table if case.name not in ("json + limits", "50 events, 5 ms")]
    with field.ready(names, outcome) as ready:
        at_rest = {subject.name: tree.memory(subject.pid) for subject in ready}
        run.measure_rounds(field, ready, rounds or (3 if quick else 5), table, outcome)
        for subject in ready:
            if subject.name == "ccflare":
                outcome.notes.append(_recorded(subject, outcome.sent["ccflare"]))
        print("  idle streams", flush=True)
        for subject in ready:
            outcome.memory.append(field.hold(subject, 1000, at_rest[subject.name]))
        print("  paced streams", flush=True)
        for streams, pace_ms in ((100, 50),) if quick else ((100, 50), (1000, 500)):
            for one in [None, *ready]:
                outcome.lateness.append(field.paced(one, streams, pace_ms, 2.0 if quick else 5.0))
        run.measure_idleness(ready, 3.0 if quick else 10.0, outcome)
        print("  starts", flush=True)
        for subject in list(ready):
            try:
                run.measure_starts(field, subject.name, 1 if quick else 5, outcome)
            except Unavailable as why:
                outcome.notes.append(f"the starts of {subject.name} were not measured: {why}")
    return outcome


def _recorded(subject: Subject, sent: int) -> str:
    """Hold the records of ccflare against what was sent; its ingester gets some seconds."""
    found = -1
    for _ in range(20):
        databases = list((subject.home / "data").glob("*.db")) + list((subject.home / "data").glob("*.sqlite*"))
        if databases:
            with sqlite3.connect(f"file:{databases[0]}?mode=ro", uri=True) as connection:
                found = connection.execute("SELECT count(*) FROM requests").fetchone()[0]
        if found >= sent:
            break
        time.sleep(0.5)
    return f"ccflare recorded {found} of {sent} requests"


def _profile(home: Path, name: str, seconds: float) -> int:
    case = next((case for case in run.cases(1.0) if case.target == name and case.concurrency == 16), None)
    if case is None:
        print(f"unknown case {name}; there are json, limits, stream", file=sys.stderr)
        return 2
    print(profile(home, case, seconds))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a coarse run of less than 90 s")
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=list(BUILDERS), help="subjects, joined by commas"
    )
    parser.add_argument("--rounds", type=int, help="rounds (5; quick: 3)")
    parser.add_argument("--profile", metavar="CASE", help="sample ccflare's worker: json, limits or stream")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to sample (10)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
