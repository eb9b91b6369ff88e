"""Shows where ccflare's CPU goes: samples one worker under load and sums the stacks by library and by function."""

import re
from collections import Counter
from pathlib import Path

from bench import subjects
from bench.run import Case, Field

_PLACE = re.compile(r"site-packages/|/lib/python3\.\d+/|" + re.escape(f"{subjects.ROOT}/"))


def profile(home: Path, case: Case, seconds: float) -> str:
    """Load ccflare with one case for about `seconds`; return the tables."""
    field = Field(home)
    samples = home / "samples.txt"
    subject = subjects.ccflare(home / "profiled", field.upstream_port, app="bench.sampled:app")
    subject.env["BENCH_SAMPLES"] = str(samples)
    try:
        subject.start()
        rate = field.batch(subject, case, 0).per_s
        whole = Case(case.name, case.target, case.concurrency, int(rate * seconds), case.body_bytes, case.stream)
        sample = field.batch(subject, whole, 1)
    finally:
        subject.stop()
        field.load.close()
        field.upstream.close()
    head = f"{case.name}, {case.concurrency} at a time: {sample.cpu_ms:.2f} CPU s/1000 while sampled\n\n"
    return head + tables(samples.read_text().splitlines())


def tables(folded: list[str]) -> str:
    """Sum folded stacks (`side;frame;frame weight`) by side, by library, by function itself and with its callees."""
    side: Counter[str] = Counter()
    library: Counter[str] = Counter()
    own: Counter[str] = Counter()
    cumulative: Counter[str] = Counter()
    for line in folded:
        stack, _, weight = line.rpartition(" ")
        names = stack.split(";")
        frames = [_short(frame) for frame in names[1:]] or ["?:event loop in C"]
        side[names[0]] += int(weight)
        library[_library(frames[-1])] += int(weight)
        own[frames[-1]] += int(weight)
        for frame in set(frames):
            cumulative[frame] += int(weight)
    total = sum(own.values()) or 1
    parts = [("by side", side, 2), ("by library", library, 20), ("itself", own, 40), ("with callees", cumulative, 80)]
    return "\n\n".join(f"CPU {title}, %\n" + _top(counts, total, n) for title, counts, n in parts)


def _top(counts: Counter[str], total: int, most: int) -> str:
    return "\n".join(f"  {100 * count / total:5.1f}  {name}" for name, count in counts.most_common(most))


def _short(frame: str) -> str:
    path, _, name = frame.rpartition(":")
    return f"{_PLACE.split(path)[-1]}:{name}"


def _library(frame: str) -> str:
    path = frame.rpartition(":")[0]
    first, _, rest = path.partition("/")
    return "app/" + rest.partition("/")[0] if first == "app" else first.removesuffix(".py")
