"""The list of requests: live, by pages and filters, and as a file."""

from typing import Any

from flask import Response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.clock import now_ms
from app.dashboard import show
from app.dashboard.blueprints import dashboard
from app.dashboard.narrowing import NAMES, OUTCOMES, text, wanted
from app.dashboard.ranges import local_text, moment, names
from app.db import offload_in_context
from app.errors import InvalidInput
from app.gate.streams import Event, event_stream, long_answer
from app.gate.visitors import actor
from app.runtime import runtime
from app.server import cooperative
from app.usage import feed
from app.usage.export import MEDIA_TYPES, noted_export
from app.usage.feed import Change, Feed
from app.usage.queries import facets, list_requests
from app.usage.rows import RequestRow
from app.usage.search import UNSERVED, Filter

_PAGE = 50
_KINDS = ("account", "model", "key", "status")


@dashboard.get("/requests")
def requests() -> ResponseReturnValue:
    """Show a page of requests; a stream brings the new ones to the first page."""
    number = feed.newest()
    asked, below = wanted(now_ms()), _below()
    found = list_requests(asked, below, _PAGE)
    kept = kept_arguments()
    values = {
        "page": found,
        "older": url_for("dashboard.requests", **kept, before=found.next) if found.next is not None else None,
        "base": url_for("dashboard.requests"),
        "live": url_for("dashboard.requests_stream", **kept, after=number) if below is None else None,
    }
    if show.is_part():
        return show.part("partials/requests/rows.html", **values)
    return show.page(
        "pages/requests.html",
        asked=asked,
        kept=kept,
        is_narrowed=bool(kept),
        outcomes=OUTCOMES,
        ranges=names(),
        facets={kind: facets(kind) for kind in _KINDS},
        start_text=local_text(moment("from")),
        end_text=local_text(moment("to")),
        below=below,
        **values,
    )


@dashboard.get("/requests/stream")
@cooperative
def requests_stream() -> Response:
    """Send the row of each request that begins or ends and that the filter of the address wants."""
    after = request.headers.get("Last-Event-ID") or request.args.get("after", "")
    number = int(after) if after.isascii() and after.isdigit() and len(after) <= 18 else None
    return event_stream(
        Rows(runtime().feed, wanted(now_ms()), number, url_for("dashboard.requests")).look, on_loop=True
    )


@dashboard.get("/requests/export.csv")
@cooperative
def requests_export() -> Response:
    """Send all that the filter of the address finds, newest first, as a table for other programs."""
    pieces = offload_in_context(lambda: noted_export(wanted(now_ms()), "csv", actor()))
    return long_answer(pieces, MEDIA_TYPES["csv"], "ccflare-requests.csv")


class Rows:
    """Tells a reader which rows changed. Lives on the event loop, as the feed does."""

    def __init__(self, source: Feed, asked: Filter, number: int | None, base: str) -> None:
        self._feed = source
        self._asked = asked
        self._number = number
        self._base = base

    def look(self) -> list[Event]:
        """Return the rows that changed since the last look."""
        news = self._feed.since(self._number)
        self._number = news.number
        if news.is_gap:
            return [Event("more changed than is kept", "reset", str(news.number))]
        found = (self._told(change) for change in news.changes)
        return [event for event in found if event is not None]

    def _told(self, change: Change) -> Event | None:
        row = change.request
        if matches(self._asked, row):
            return self._row(change)
        # While it ran it may have fitted, and then its row is still on the page.
        return None if row.outcome == "running" else Event(row.public_id, "gone", str(change.number))

    def _row(self, change: Change) -> Event:
        html = render_template("partials/requests/row.html", row=change.request, base=self._base)
        return Event(html, "row", str(change.number))


def matches(asked: Filter, row: RequestRow) -> bool:
    """Whether a filter wants a row. A request that runs has no account and no status yet: it may still fit."""
    is_running = row.outcome == "running"
    known = (
        (asked.accounts, row.account_id or UNSERVED),
        (asked.statuses, row.status),
        (asked.models, row.model_used),
        (asked.keys, row.key_id),
        (asked.outcomes, row.outcome),
    )
    if any(values and value not in values for values, value in known):
        return False
    if asked.failed is not None and (is_running or row.is_failed is not asked.failed):
        return False
    if asked.end is not None and row.started_at >= asked.end:
        return False
    said = asked.text or ""
    named = (row.public_id, row.session_id or "", row.agent_id or "")
    return (
        asked.session_id in (None, row.session_id)
        and asked.agent_id in (None, row.agent_id)
        and (not said or any(one.startswith(said) for one in named) or said.casefold() in (row.error or "").casefold())
    )


def kept_arguments() -> dict[str, Any]:
    """Return the filters of the address, for links that keep them."""
    kept = {name: [one for one in values if one] for name, values in request.args.lists() if name in NAMES}
    return {name: values for name, values in kept.items() if values}


def _below() -> int | None:
    said = text("before")
    if said is None:
        return None
    if not said.isascii() or not said.isdigit() or len(said) > 19:
        raise InvalidInput.field("before", "is none of ours; follow the link to older requests")
    return int(said)
