"""Memory that a burst of work leaves behind, given back to the system."""

from collections.abc import Callable
from functools import cache

from app.db import offload

RETURN_S = 15.0


def give_back() -> None:
    """Let the C library return the pages that it keeps free. Call inside an app context.

    glibc keeps what lies between pieces that are still in use, which after a burst is a third of a worker. Half a
    millisecond where there is little to return, six for 36 MB; other C libraries return it by themselves.
    """
    trim = _trim()
    if trim is not None:
        offload(trim, 0)


@cache
def _trim() -> Callable[[int], int] | None:
    import ctypes  # noqa: PLC0415 - a start has no use for it

    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found
