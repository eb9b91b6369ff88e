"""A small steady load for tests that break something under it: threads that send one request after the other."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.fakes.raw import RawAnswer
from tests.integration.calls import ask
from tests.integration.server import Server, eventually


@dataclass
class Load:
    """Requests from several threads while the context is open; `whole` and `failed` tell what came of them."""

    server: Server
    threads: int = 6
    more: dict[str, object] = field(default_factory=lambda: {"stream": True})
    whole: list[RawAnswer] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._running = [threading.Thread(target=self._work) for _ in range(self.threads)]
        for one in self._running:
            one.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for one in self._running:
            one.join()

    def wait_for(self, count: int, *, timeout_s: float = 30) -> None:
        """Wait until so many more requests have been answered."""
        goal = len(self.whole) + count
        eventually(lambda: len(self.whole) >= goal, timeout_s=timeout_s, every_s=0.01)

    def keep_on(self, until: Callable[[], bool], *, timeout_s: float = 30) -> None:
        """Go on until something is the case."""
        eventually(until, timeout_s=timeout_s)

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                answer = ask(self.server, **self.more)
            except OSError as exc:
                self.failed.append(repr(exc))
                continue
            if answer.complete and answer.status == 200:
                self.whole.append(answer)
            else:
                self.failed.append(f"{answer.status} {answer.complete} {answer.body[-200:]!r}")
