"""What happens now: requests as they begin and end, as a stream of events."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Blueprint, Response, request

from app.api.operations import operation
from app.api.shapes import shown
from app.errors import InvalidInput
from app.gate.streams import Event, event_stream
from app.runtime import runtime
from app.server import cooperative
from app.usage.feed import Change, Feed, News

live = Blueprint("live", __name__, url_prefix="/requests")

_MAX_ID_CHARS = 18


@live.get("/stream")
@cooperative
@operation(media=("text/event-stream",))
def stream_of_requests() -> Response:
    """Send an event for every request that begins (`start`) or ends (`summary`).

    `data` is `{"type", "payload"}`, the payload as in /api/requests. After `Last-Event-ID`, what changed since comes
    first; `event: reset` says that this was too much, and that lists are to be read again.
    """
    return event_stream(_news(runtime().feed, _number(last_event_id())), on_loop=True)


def last_event_id() -> str | None:
    """Return what a reader that comes back names as the last it has seen."""
    return request.headers.get("Last-Event-ID") or None


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > _MAX_ID_CHARS:
        raise InvalidInput.field("Last-Event-ID", "is none of ours")
    return int(text)


def _news(feed: Feed, number: int | None) -> Callable[[], Iterable[Event]]:
    """Return what tells a reader the news. It sees at first how far the feed has come."""
    at, is_greeted = number, False

    def look() -> Iterable[Event]:
        nonlocal at, is_greeted
        news = feed.since(at)
        at = news.number
        events = _events(news)
        if not is_greeted:
            is_greeted = True
            events.insert(0, Event("ok", "connected", None if events else str(at)))
        return events

    return look


def _events(news: News) -> list[Event]:
    if news.is_gap:
        return [Event("more changed than is kept; read the list again", "reset", str(news.number))]
    return [Event(_told(change), id=str(change.number)) for change in news.changes]


def _told(change: Change) -> dict[str, Any]:
    is_running = change.request.outcome == "running"
    return {"type": "start" if is_running else "summary", "payload": shown(change.request)}
