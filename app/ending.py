"""The end of a worker: at once when everything is written, whatever its native threads still wait for."""

import atexit
import os
import sys
from contextlib import suppress
from typing import NoReturn


def status_of(error: BaseException | None) -> int:
    """Return the exit status that this process would have, were `error` to end it."""
    if error is None:
        return 0
    code = error.code if isinstance(error, SystemExit) else 1
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1


def leave(status: int) -> NoReturn:
    """End this process without taking the interpreter apart. What is registered for its exit runs before.

    A native thread that waits for PostgreSQL does so in an event loop of its own, which gevent gives it. When the
    answer comes while the interpreter is taken apart, that loop calls into what is no longer there: SIGSEGV. Nobody
    but the kernel can end such a thread.
    """
    atexit._run_exitfuncs()  # noqa: SLF001 - as the children of multiprocessing end
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)
