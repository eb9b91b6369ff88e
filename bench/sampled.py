"""ccflare with a sampling profiler inside its worker: `gunicorn -k gevent bench.sampled:app`.

A timer that counts CPU time interrupts the worker every 2 ms of it. The CPU that each thread used since the last time
goes to the Python stack it is in; time in C counts for the Python function that called it. The stacks are written to
`BENCH_SAMPLES` once a second, one a line: frames from the outermost on, joined by `;`, and microseconds.
"""

import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from gevent.monkey import get_original

from wsgi import app as app

_INTERVAL_S = 0.002
_stacks: Counter[tuple[str, ...]] = Counter()


class _Sampler:
    def __init__(self, target: Path) -> None:
        self._target = target
        self._main = get_original("_thread", "get_ident")()
        self._used_s: dict[int, float] = {}
        self._written_at = time.monotonic()

    def sample(self, _signal: int, frame: FrameType | None) -> None:
        """Note who used the CPU since the last time."""
        frames = sys._current_frames()  # noqa: SLF001
        for ident, there in frames.items():
            used_s = time.clock_gettime(time.pthread_getcpuclockid(ident))
            spent_us = int((used_s - self._used_s.get(ident, used_s)) * 1e6)
            if spent_us > 0:
                side, place = ("event loop", frame) if ident == self._main else ("native threads", there)
                _stacks[(side, *_stack(place))] += spent_us
            self._used_s[ident] = used_s
        if time.monotonic() - self._written_at > 1:
            self._written_at = time.monotonic()
            self._target.write_text("\n".join(f"{';'.join(stack)} {us}" for stack, us in _stacks.items()))
        # Looking around costs CPU too, which is nobody's.
        self._used_s[self._main] = time.thread_time()


def _stack(frame: FrameType | None) -> tuple[str, ...]:
    places = []
    while frame is not None:
        places.append(f"{frame.f_code.co_filename}:{frame.f_code.co_qualname}")
        frame = frame.f_back
    return tuple(reversed(places))


if "BENCH_SAMPLES" in os.environ:
    signal.signal(signal.SIGPROF, _Sampler(Path(os.environ["BENCH_SAMPLES"])).sample)
    signal.setitimer(signal.ITIMER_PROF, _INTERVAL_S, _INTERVAL_S)
