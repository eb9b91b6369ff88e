"""ccflare with a sampling profiler inside its worker: `gunicorn -k gevent bench.sampled:app`.

A timer that counts CPU time interrupts the main thread every 2 ms of it and notes the Python stack; time in C counts
for the Python function that called it. The stacks are written as folded lines to `BENCH_SAMPLES` once a second.
"""

import os
import signal
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from wsgi import app as app

_INTERVAL_S = 0.002
_stacks: Counter[tuple[str, ...]] = Counter()
_written_at = [time.monotonic()]


def _sample(_signal: int, frame: FrameType | None) -> None:
    stack = []
    while frame is not None:
        code = frame.f_code
        stack.append(f"{code.co_filename}:{code.co_qualname}")
        frame = frame.f_back
    _stacks[tuple(reversed(stack))] += 1
    if time.monotonic() - _written_at[0] > 1:
        _written_at[0] = time.monotonic()
        lines = [f"{';'.join(stack)} {count}" for stack, count in _stacks.items()]
        Path(os.environ["BENCH_SAMPLES"]).write_text("\n".join(lines))


if "BENCH_SAMPLES" in os.environ:
    signal.signal(signal.SIGPROF, _sample)
    signal.setitimer(signal.ITIMER_PROF, _INTERVAL_S, _INTERVAL_S)
