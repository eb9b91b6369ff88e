"""What a job is, and what it is handed when it runs."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.background.leader import Leader
from app.runtime import Runtime

_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Done:
    """What a run came to, in a few words. `next_at`: when it is needed again, where the job itself knows better."""

    result: str
    next_at: int | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """One run of a job. `is_asked`: a person asked for it, and it did not merely become due."""

    runtime: Runtime
    leader: Leader
    is_asked: bool = False

    def check(self) -> None:
        """Raise NotLeading when another process has taken over; call between two steps of a long job."""
        self.leader.check()

    def pause(self, seconds: float) -> None:
        """Let others work, then check."""
        time.sleep(seconds)
        self.check()


@dataclass(frozen=True, slots=True)
class Job:
    """A job that the leader runs again and again. Running it twice does no harm; a failure waits for the next time."""

    name: str
    every_s: float
    what: str
    run: Callable[[Work], Done]

    def next_at(self, now_ms: int) -> int:
        """Return when the next run is due after one that ended now."""
        return now_ms + int(self.every_s * 1000 * random.uniform(1 - _JITTER, 1 + _JITTER))

    def latest_at(self, now_ms: int) -> int:
        """Return the latest that `next_at` could say."""
        return now_ms + int(self.every_s * 1000 * (1 + _JITTER))
