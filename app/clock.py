"""The one clock: integer milliseconds since the Unix epoch."""

import time


def now_ms() -> int:
    """Return the current time as epoch milliseconds."""
    return time.time_ns() // 1_000_000
