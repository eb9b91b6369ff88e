"""What the fake remembers and waits on: scripts, gates, points that were reached, and every request."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from gevent.event import Event

from tests.fakes.wire import Request, epoch_ms

KEEP_BYTES = 256 * 1024 * 1024
KEEP_POINTS = 1000


@dataclass(slots=True, eq=False)
class Entry:
    """One exchange: the request as it came and what became of the answer. Times are epoch milliseconds."""

    number: int
    connection: int
    request: Request
    credential: str | None
    status: int | None = None
    outcome: str = "open"
    answer_head: bytes = b""
    sent: list[bytes] = field(default_factory=list)
    """The body as it went out, before framing."""
    answered_at: float | None = None
    ended_at: float | None = None

    @property
    def size(self) -> int:
        """Bytes that this entry holds."""
        return len(self.request.head) + len(self.request.body) + sum(map(len, self.sent))


class Ledger:
    """All requests and points since the last reset; drops the oldest above a byte limit."""

    def __init__(self, *, keep_bytes: int = KEEP_BYTES) -> None:
        self.keep_bytes = keep_bytes
        self.changed = Event()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.entries: deque[Entry] = deque()
        self.counts: Counter[str] = Counter()
        self.points: dict[str, deque[dict[str, Any]]] = {}
        self._held_bytes = 0
        self._pulse()

    def open(self, connection: int, request: Request, credential: str | None) -> Entry:
        """Record a request that has been read."""
        self.counts["request"] += 1
        entry = Entry(self.counts["request"], connection, request, credential)
        if self.keep_bytes:
            self.entries.append(entry)
        self._pulse()
        return entry

    def close(self, entry: Entry) -> None:
        """Record the end of an exchange."""
        entry.ended_at = epoch_ms()
        self.mark("ended", entry)
        if entry.outcome == "peer_closed":
            self.mark("peer_closed", entry)
        self._held_bytes += entry.size
        while self._held_bytes > self.keep_bytes and len(self.entries) > 1:
            self._held_bytes -= self.entries.popleft().size

    def mark(self, point: str, entry: Entry | None = None, **facts: Any) -> None:
        """Record that a named point was reached, now."""
        self.counts[point] += 1
        if self.keep_bytes:
            if entry is not None:
                facts |= {"request": entry.number, "connection": entry.connection, "credential": entry.credential}
            self.points.setdefault(point, deque(maxlen=KEEP_POINTS)).append({"at": epoch_ms(), **facts})
        self._pulse()

    def matching(self, credential: str | None, path: str | None) -> list[Entry]:
        """Return the entries of one credential and path (None: any)."""
        return [
            entry
            for entry in self.entries
            if credential in (None, entry.credential) and path in (None, entry.request.path)
        ]

    def _pulse(self) -> None:
        """Wake whoever waits for a change."""
        self.changed.set()
        self.changed = Event()


class Gates:
    """Named places where an answer stops until the test lets it go on."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._events: dict[str, Event] = {}

    def reach(self, name: str, entry: Entry) -> Event:
        """Record the arrival at a gate and return the event that opens it."""
        self._ledger.mark(f"held:{name}", entry)
        return self._events.setdefault(name, Event())

    def release(self, name: str) -> None:
        """Open a gate, for those who wait and for those who come."""
        self._events.setdefault(name, Event()).set()

    def reset(self) -> None:
        """Open all gates and forget them."""
        for event in self._events.values():
            event.set()
        self._events = {}


class Scripts:
    """Queues of steps by (where, credential): where is `v1`, `token`, `usage`, `keys`, or an exact path."""

    def __init__(self) -> None:
        self._queues: dict[tuple[str, str], deque[dict[str, Any]]] = {}
        self._forever: dict[tuple[str, str], dict[str, Any]] = {}

    def add(self, where: str, credential: str, steps: list[dict[str, Any]], *, forever: bool) -> None:
        """Append steps; with `forever` the last one stays when the queue has run dry."""
        key = where, credential
        if forever and steps:
            self._forever[key] = steps[-1]
            steps = steps[:-1]
        self._queues.setdefault(key, deque()).extend(steps)

    def peek(self, path: str, group: str, credential: str | None) -> dict[str, Any] | None:
        """Return the next step without taking it."""
        for key in self._keys(path, group, credential):
            if queue := self._queues.get(key):
                return queue[0]
            if key in self._forever:
                return self._forever[key]
        return None

    def take(self, path: str, group: str, credential: str | None) -> dict[str, Any]:
        """Return the next step, or an empty one: the default answer."""
        if not self._queues and not self._forever:
            return {}
        for key in self._keys(path, group, credential):
            if queue := self._queues.get(key):
                return queue.popleft()
            if key in self._forever:
                return self._forever[key]
        return {}

    def left(self) -> dict[str, int]:
        """Return how many steps wait in each queue."""
        return {f"{where} {credential}": len(queue) for (where, credential), queue in self._queues.items() if queue}

    def reset(self) -> None:
        """Forget all steps."""
        self._queues = {}
        self._forever = {}

    @staticmethod
    def _keys(path: str, group: str, credential: str | None) -> list[tuple[str, str]]:
        names = [credential, "*"] if credential else ["*"]
        return [(where, name) for where in (path, group) for name in names]
