"""One interleaved run: every subject in turn, round after round, then lateness, memory and cold start."""

import json
import resource
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench import subjects, tree
from bench.figures import Sample, percentile
from bench.subjects import ROOT, Subject


@dataclass(frozen=True, slots=True)
class Case:
    """One shape of traffic: the upstream's case, the request's body, and how many requests a batch has."""

    name: str
    target: str
    concurrency: int
    requests: int
    body_bytes: int = 40
    stream: bool = False


def cases(scale: float) -> list[Case]:
    """Return the batches of one round; `scale` stretches their length."""
    table = [
        Case("json", "json", 1, 300),
        Case("json", "json", 16, 1000),
        Case("json", "json", 64, 1000),
        Case("json + limits", "limits", 16, 600),
        Case("80 KB request", "json", 16, 400, body_bytes=80_000),
        Case("50 events", "stream", 1, 200, stream=True),
        Case("50 events", "stream", 16, 600, stream=True),
        Case("50 events, 5 ms", "paced&n=45&ms=5", 16, 64, stream=True),
    ]
    return [
        Case(c.name, c.target, c.concurrency, max(c.concurrency, int(c.requests * scale)), c.body_bytes, c.stream)
        for c in table
    ]


@dataclass(slots=True)
class Lateness:
    """How late the events of `streams` concurrent streams reached the client."""

    subject: str
    streams: int
    events: int
    errors: int
    cpu_share: float | None
    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(slots=True)
class Rest:
    """Memory of a subject's process tree: before, with idle streams open, and after they ended."""

    subject: str
    streams: int
    at_rest: tree.Memory
    before: tree.Memory
    idle: tree.Memory
    after: tree.Memory


@dataclass(slots=True)
class Outcome:
    """All that one run found."""

    samples: list[Sample] = field(default_factory=list)
    lateness: list[Lateness] = field(default_factory=list)
    memory: list[Rest] = field(default_factory=list)
    start_ms: dict[str, float] = field(default_factory=dict)
    idle_share: dict[str, float] = field(default_factory=dict)
    """Share of one core that a subject uses while nobody asks anything of it."""
    first_start_ms: float | None = None
    notes: list[str] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    """Requests that each subject answered, to be held against its records."""


class Peer:
    """A child of ours that speaks on its standard streams: the upstream and the load generator."""

    def __init__(self, module: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def read(self) -> str:
        """Read one line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the load generator or the upstream ended early")
        return line

    def ask(self, **order: Any) -> dict[str, Any]:
        """Send one order and wait for its result."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.read())
        return answer

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.communicate(timeout=5)


class Field:
    """The upstream, the load generator and the subjects that stand ready."""

    def __init__(self, home: Path) -> None:
        self.home = home
        _raise_file_limit()
        self.upstream = Peer("bench.upstream")
        self.upstream_port = int(self.upstream.read())
        self.load = Peer("bench.load")
        self.subjects: list[Subject] = []

    @contextmanager
    def ready(self, names: list[str], outcome: Outcome) -> Iterator[list[Subject]]:
        """Start the subjects; those that cannot start are noted and left out."""
        try:
            for name in names:
                try:
                    subject = subjects.BUILDERS[name](self.home / name, self.upstream_port)
                    outcome.start_ms[name] = subject.start()
                    self.subjects.append(subject)
                except subjects.Unavailable as why:
                    outcome.notes.append(f"{name} left out: {why}")
                    print(f"  {name} left out: {why}", flush=True)
            yield self.subjects
        finally:
            for subject in self.subjects:
                subject.stop()
            self.load.close()
            self.upstream.close()

    def batch(self, subject: Subject | None, case: Case, turn: int) -> Sample:
        """Measure one batch; its CPU counts until the subject has had `settle_s` to finish its own work."""
        before = tree.cpu_s(subject.pid) if subject else None
        found = self.load.ask(
            do="batch",
            port=subject.port if subject else self.upstream_port,
            target=f"/v1/messages?case={case.target}",
            body_bytes=case.body_bytes,
            stream=case.stream,
            requests=case.requests,
            concurrency=case.concurrency,
            deadline_s=60,
        )
        cpu = None
        if subject and before is not None:
            time.sleep(subject.settle_s)
            cpu = tree.cpu_s(subject.pid) - before
        times = found["times_ms"]
        return Sample(
            subject.name if subject else "direct",
            case.name,
            case.concurrency,
            turn,
            case.requests,
            found["errors"],
            found["elapsed_s"],
            cpu,
            percentile(times, 0.5),
            percentile(times, 0.99),
        )

    def paced(self, subject: Subject | None, streams: int, pace_ms: int, measure_s: float, key: str = "") -> Lateness:
        """Measure how late the events of many paced streams come, once all of them are open."""
        per_s = 200.0
        count = int((streams / per_s + measure_s + 1.5) * 1000 / pace_ms)
        before, began = tree.cpu_s(subject.pid) if subject else 0.0, time.monotonic()
        found = self.load.ask(
            do="paced",
            port=subject.port if subject else self.upstream_port,
            target=f"/v1/messages?case=paced&n={count}&ms={pace_ms}",
            stream=True,
            count=streams,
            per_s=per_s,
            measure_s=measure_s,
            key=key,
        )
        share = (tree.cpu_s(subject.pid) - before) / (time.monotonic() - began) if subject else None
        late = found["late_ms"]
        name = subject.name if subject else "direct"
        worst = max(late, default=0.0)
        return Lateness(
            name,
            streams,
            len(late),
            found["errors"],
            share,
            percentile(late, 0.5),
            percentile(late, 0.99),
            worst,
        )

    def hold(self, subject: Subject, streams: int, at_rest: tree.Memory) -> Rest:
        """Weigh a subject before, with and after `streams` idle streams."""
        before = tree.memory(subject.pid)
        target = "/v1/messages?case=idle"
        opened = self.load.ask(do="hold", port=subject.port, target=target, stream=True, count=streams, deadline_s=60)
        time.sleep(0.5)
        idle = tree.memory(subject.pid)
        urllib.request.urlopen(f"http://127.0.0.1:{self.upstream_port}/release", timeout=5).close()
        self.load.ask(do="drain", deadline_s=60)
        time.sleep(subject.settle_s + 0.5)
        return Rest(subject.name, opened["open"], at_rest, before, idle, tree.memory(subject.pid))


def measure_rounds(field_: Field, ready: list[Subject], rounds: int, table: list[Case], outcome: Outcome) -> None:
    """Run all cases against all subjects, the order of the subjects turned by one each round; round 0 warms up."""
    everyone: list[Subject | None] = [None, *ready]
    for turn in range(rounds + 1):
        at = turn % len(everyone)
        for case in table:
            for subject in everyone[at:] + everyone[:at]:
                shape = case if turn else Case(case.name, case.target, case.concurrency, 2 * case.concurrency,
                                               case.body_bytes, case.stream)  # fmt: skip
                sample = field_.batch(subject, shape, turn)
                outcome.sent[sample.subject] = outcome.sent.get(sample.subject, 0) + sample.requests - sample.errors
                if turn:
                    outcome.samples.append(sample)
        print(f"  round {turn} of {rounds}" if turn else "  warmed up", flush=True)


def measure_idleness(ready: list[Subject], seconds: float, outcome: Outcome) -> None:
    """Measure what the subjects use while nothing happens, all at once."""
    before = {subject.name: tree.cpu_s(subject.pid) for subject in ready}
    time.sleep(seconds)
    for subject in ready:
        outcome.idle_share[subject.name] = (tree.cpu_s(subject.pid) - before[subject.name]) / seconds


def measure_starts(field_: Field, name: str, times: int, outcome: Outcome) -> None:
    """Take the median of some starts on a database that is there; for ccflare also of one start that makes it."""
    subject = subjects.BUILDERS[name](field_.home / f"{name}-start", field_.upstream_port)
    took = []
    for _ in range(times):
        took.append(subject.start())
        subject.stop()
    outcome.start_ms[name] = median(took)
    if name == "ccflare":
        fresh = subjects.ccflare(field_.home / "ccflare-first", field_.upstream_port, fresh=True)
        outcome.first_start_ms = fresh.start()
        fresh.stop()


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 16384 if hard == resource.RLIM_INFINITY else min(16384, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
