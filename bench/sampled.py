"""ccflare with a sampling profiler inside its worker: `gunicorn -k gevent bench.sampled:app`.

A timer that counts CPU time interrupts the worker every 2 ms of it. The CPU that the event loop's thread used since the
last time goes to the Python stack it is in, the rest to the stacks of the native threads that are at work; time in C
counts for the Python function that called it. The stacks are written to `BENCH_SAMPLES` once a second, one a line:
frames from the outermost on, joined by `;`, and microseconds.
"""

import os
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from wsgi import app as app

_INTERVAL_S = 0.002
_WORTH_A_LOOK_US = 200
_IDLE = "gevent/_threading.py"
_stacks: Counter[tuple[str, ...]] = Counter()


class _Sampler:
    def __init__(self, target: Path) -> None:
        self._target = target
        self._main = threading.main_thread().ident
        self._loop_s = time.thread_time()
        self._all_s = time.process_time()
        self._written_at = time.monotonic()

    def sample(self, _signal: int, frame: FrameType | None) -> None:
        """Note who used the CPU since the last time."""
        loop_s, all_s = time.thread_time(), time.process_time()
        loop_us = int((loop_s - self._loop_s) * 1e6)
        others_us = max(0, int((all_s - self._all_s) * 1e6) - loop_us)
        _stacks[("event loop", *_stack(frame))] += loop_us
        if others_us > _WORTH_A_LOOK_US:
            self._note_others(others_us)
        if time.monotonic() - self._written_at > 1:
            self._written_at = time.monotonic()
            self._target.write_text("\n".join(f"{';'.join(stack)} {us}" for stack, us in _stacks.items()))
        # Looking around costs CPU too, which is nobody's.
        self._loop_s, self._all_s = time.thread_time(), time.process_time()

    def _note_others(self, used_us: int) -> None:
        frames = sys._current_frames().items()  # noqa: SLF001
        busy = [stack for ident, frame in frames if ident != self._main and not _waits(stack := _stack(frame))]
        for stack in busy or [("?:not seen",)]:
            _stacks[("native threads", *stack)] += used_us // max(1, len(busy))


def _waits(stack: tuple[str, ...]) -> bool:
    return any(_IDLE in place for place in stack[-3:])


def _stack(frame: FrameType | None) -> tuple[str, ...]:
    places = []
    while frame is not None:
        places.append(f"{frame.f_code.co_filename}:{frame.f_code.co_qualname}")
        frame = frame.f_back
    return tuple(reversed(places))


if "BENCH_SAMPLES" in os.environ:
    signal.signal(signal.SIGPROF, _Sampler(Path(os.environ["BENCH_SAMPLES"])).sample)
    signal.setitimer(signal.ITIMER_PROF, _INTERVAL_S, _INTERVAL_S)
