"""Recorded requests over the API: pages, one request, values for filters."""

from dataclasses import dataclass
from typing import Annotated, Literal

from flask import Blueprint, Response

from app.api import cursors
from app.api.narrowing import account_ids, check_order, key_ids
from app.api.operations import operation
from app.api.rules import Between, Cursor, Text, Time, Values
from app.db import offload_in_context
from app.gate.streams import long_answer
from app.gate.visitors import actor
from app.runtime import runtime
from app.server import cooperative
from app.usage import feed
from app.usage.export import MEDIA_TYPES, Format, noted_export
from app.usage.queries import FacetValue, RequestDetail, facets, list_requests
from app.usage.rows import RequestRow
from app.usage.search import Filter
from app.usage.viewing import view_request

history = Blueprint("history", __name__, url_prefix="/requests")

REQUEST = "/<request_id:request_id>"
Status = Annotated[int, Between(100, 599)]
Outcome = Literal["running", "complete", "client_gone", "upstream_broke", "refused", "cut_by_shutdown"]
FacetKind = Literal["model", "account", "key", "agent", "status", "outcome"]


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests are meant; of several values of one kind any may hold."""

    from_: Time | None = None
    to: Time | None = None
    accounts: Values = ()
    """Names or ids; `no_account`: none served."""
    models: Values = ()
    keys: Values = ()
    status: Status | None = None
    outcome: Outcome | None = None
    success: bool | None = None
    session: Text | None = None
    agent: Text | None = None
    synthetic: bool | None = None
    q: Text | None = None
    """An id of a request, a session or an agent, else a part of the error."""


@dataclass(frozen=True, slots=True)
class RequestQuery(RequestFilter):
    """A page of requests."""

    limit: Annotated[int, Between(1, 1000)] = 50
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class ExportQuery(RequestFilter):
    """All requests of a filter."""

    format: Format = "csv"


@dataclass(frozen=True, slots=True)
class RequestPage:
    """Requests, newest first. `next`: the cursor of the page below, null on the last one. `isCut`: the search took too
    long and ended early; the next page goes on. `lastEventId`: from here on /api/requests/stream tells what changes."""

    requests: tuple[RequestRow, ...]
    next: str | None
    is_cut: bool
    last_event_id: int


@dataclass(frozen=True, slots=True)
class FacetQuery:
    """Of which kind the values are wanted."""

    kind: FacetKind


@history.get("")
@operation()
def all_requests(query: RequestQuery) -> RequestPage:
    """List requests, newest first, by pages and filters."""
    last_event_id = feed.newest()
    cursor = cursors.read(query.cursor, int)
    found = list_requests(filter_of(query), None if cursor is None else int(cursor[0]), query.limit)
    below = None if found.next is None else cursors.written(found.next)
    return RequestPage(found.requests, below, found.is_cut, last_event_id)


@history.get("/filters")
@operation()
def filter_values(query: FacetQuery) -> tuple[FacetValue, ...]:
    """List the values that a filter offers, those last seen first."""
    return facets(query.kind)


@history.get("/export")
@cooperative
@operation(media=("text/csv", "application/jsonl"))
def exported_requests(query: ExportQuery) -> Response:
    """Send every request that the filter means as a file: CSV or JSON lines, of any size."""
    pieces = offload_in_context(lambda: noted_export(filter_of(query), query.format, actor()))
    return long_answer(pieces, MEDIA_TYPES[query.format], f"ccflare-requests.{query.format}")


@history.get(REQUEST)
@operation()
def one_request(request_id: int) -> RequestDetail:
    """Show one request with its attempts, its cost by class, and why other accounts were not asked."""
    return view_request(request_id, runtime().vault)


def filter_of(query: RequestFilter) -> Filter:
    """Return a filter as the usage room wants it. Raises InvalidInput."""
    check_order(query.from_, query.to)
    return Filter(
        start=query.from_,
        end=query.to,
        accounts=account_ids(query.accounts),
        models=query.models,
        keys=key_ids(query.keys),
        statuses=() if query.status is None else (query.status,),
        outcomes=() if query.outcome is None else (query.outcome,),
        failed=None if query.success is None else not query.success,
        session_id=query.session,
        agent_id=query.agent,
        synthetic=query.synthetic,
        text=query.q,
    )
