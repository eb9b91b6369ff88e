"""Sessions of clients: the list, and one with its agents, its cost and how its context grew."""

from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from app.clock import now_ms
from app.dashboard import show
from app.dashboard.blueprints import dashboard
from app.dashboard.history import kept_arguments
from app.dashboard.narrowing import wanted_sessions
from app.dashboard.ranges import names
from app.errors import InvalidInput
from app.usage.queries import facets
from app.usage.rows import RequestRow
from app.usage.sessions import SessionPartRow, list_sessions, session_detail

_PAGE = 50


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent at its place in the tree. `part` None: the session's own requests, or an agent that is not known."""

    name: str
    part: SessionPartRow | None
    depth: int


@dashboard.get("/sessions")
def sessions() -> ResponseReturnValue:
    """Show a page of sessions."""
    kept = kept_arguments()
    found = list_sessions(wanted_sessions(now_ms()), _cursor(), _PAGE)
    older = None
    if found.next is not None:
        at, session_id = found.next
        older = url_for("dashboard.sessions", **kept, before=f"{at}.{session_id}")
    values = {"page": found, "older": older}
    if show.is_part():
        return show.part("partials/sessions/rows.html", **values)
    shown = {kind: facets(kind) for kind in ("account", "model", "key")}
    return show.page("pages/sessions.html", kept=kept, facets=shown, ranges=names(), **values)


@dashboard.get("/sessions/<path:session_id>")
def session(session_id: str) -> ResponseReturnValue:
    """Show one session."""
    found = session_detail(session_id)
    losses = {one.request_id: one for one in found.losses}
    return show.page(
        "pages/session.html",
        detail=found,
        one=found.session,
        agents=tree(found.agents),
        losses=losses,
        context=context(found.requests, found.session.requests),
        base=url_for("dashboard.requests"),
    )


def tree(agents: tuple[SessionPartRow, ...]) -> list[Agent]:
    """Return agents below the agent that started them, in the order in which they began."""
    children: dict[str | None, list[SessionPartRow]] = {}
    known = {one.value for one in agents}
    for one in agents:
        parent = one.parent if one.parent in known and one.parent != one.value else None
        children.setdefault(parent, []).append(one)
    placed: list[Agent] = []
    seen: set[str] = set()

    def place(parent: str | None, depth: int) -> None:
        for one in children.get(parent, ()):
            if one.value not in seen:
                seen.add(one.value)
                placed.append(Agent(one.value, one, depth))
                place(one.value, depth + 1)

    place(None, 0)
    placed += [Agent(one.value, one, 0) for one in agents if one.value not in seen]
    return placed


def context(rows: tuple[RequestRow, ...], ended: int) -> dict[str, Any] | None:
    """Return how large the prompts were, by time, as the script draws it; None where too little is known.

    `ended`: how many requests of the session have ended, also older ones than `rows`, which tells their numbers.
    """
    left_out = max(0, ended - sum(row.outcome != "running" for row in rows))
    numbered = [(left_out + at, row) for at, row in enumerate(reversed(rows), 1) if row.tokens.input is not None]
    known = [row for _, row in numbered]
    if len(known) < 2:
        return None
    parts = [row.tokens for row in known]
    lines = {
        ("read from the cache", "series-3"): [one.cache_read or 0 for one in parts],
        ("written to the cache", "series-5"): [(one.cache_write_5m or 0) + (one.cache_write_1h or 0) for one in parts],
        ("new input", "series-2"): [one.input or 0 for one in parts],
    }
    return {
        "unit": "tokens",
        "stacked": True,
        "ordinal": [number for number, _ in numbered],
        "bucket": 1000,
        "at": [row.started_at for row in known],
        "links": [row.public_id for row in known],
        "lines": [
            {"label": label, "tone": tone, "values": values, "query": {}} for (label, tone), values in lines.items()
        ],
    }


def _cursor() -> tuple[int, str] | None:
    said = request.args.get("before", "")
    if not said:
        return None
    at, _, session_id = said.partition(".")
    if not at.isascii() or not at.isdigit() or len(at) > 15 or not session_id:
        raise InvalidInput.field("before", "is none of ours; follow the link to older sessions")
    return int(at), session_id[:200]
