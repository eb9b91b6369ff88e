"""The log over the API: its last lines, and new ones as they come."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from flask import Blueprint, Response

from app.api.live import last_event_id
from app.api.operations import operation
from app.api.rules import Between, Text
from app.api.shapes import shown
from app.db import offload
from app.gate.streams import Event, event_stream
from app.log_lines import Line, Wanted, seen
from app.logs import Follower, log_path, tail
from app.runtime import runtime
from app.server import cooperative

log_lines = Blueprint("logs", __name__, url_prefix="/logs")

Level = Literal["debug", "info", "warn", "error"]
_SEARCHED = 20_000
_MOST = 1000


@dataclass(frozen=True, slots=True)
class LineFilter:
    """Which lines are meant: from a level on, and with a text in them."""

    level: Level = "debug"
    q: Text | None = None


@dataclass(frozen=True, slots=True)
class LineQuery(LineFilter):
    """The last lines."""

    limit: Annotated[int, Between(1, 5000)] = 1000


@log_lines.get("/history")
@operation()
def last_lines(query: LineQuery) -> tuple[Line, ...]:
    """List the last lines of the log, oldest first. A line without a time belongs to the one before it."""
    raws = tail(log_path(runtime().settings), _SEARCHED if query.q or query.level != "debug" else query.limit)
    return tuple(seen(Wanted(query.level, query.q or ""), raws))[-query.limit :]


@log_lines.get("/stream")
@cooperative
@operation(media=("text/event-stream",))
def stream_of_lines(query: LineFilter) -> Response:
    """Send each new line of the log as an event. After `Last-Event-ID`, what was written since comes first; a line may
    come twice then."""
    follower = offload(Follower, log_path(runtime().settings), place=last_event_id())
    return event_stream(_news(Wanted(query.level, query.q or ""), follower), follower.close)


def _news(wanted: Wanted, follower: Follower) -> Callable[[], Iterable[Event]]:
    is_greeted = False

    def look() -> Iterable[Event]:
        nonlocal is_greeted
        lines = list(seen(wanted, follower.read()))[-_MOST:]
        events = [Event(shown(line)) for line in lines[:-1]]
        if lines:
            events.append(Event(shown(lines[-1]), id=follower.place))
        if not is_greeted:
            is_greeted = True
            events.insert(0, Event({"connected": True}, "connected", None if lines else follower.place))
        return events

    return look
