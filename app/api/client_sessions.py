"""Sessions of clients over the API."""

from dataclasses import dataclass
from typing import Annotated

from flask import Blueprint

from app.api import cursors
from app.api.narrowing import account_ids, check_order, key_ids
from app.api.operations import operation
from app.api.rules import Between, Cursor, Text, Time
from app.usage.sessions import SessionDetail, SessionFilter, SessionRow, list_sessions, session_detail

client_sessions = Blueprint("sessions", __name__, url_prefix="/sessions")


@dataclass(frozen=True, slots=True)
class SessionQuery:
    """A page of sessions. `q`: the beginning of the id."""

    from_: Time | None = None
    to: Time | None = None
    account: Text | None = None
    model: Text | None = None
    key: Text | None = None
    agent: Text | None = None
    q: Text | None = None
    limit: Annotated[int, Between(1, 200)] = 50
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions, those used last first. `next`: the cursor of the page below, null on the last one."""

    sessions: tuple[SessionRow, ...]
    next: str | None


@client_sessions.get("")
@operation()
def all_sessions(query: SessionQuery) -> Sessions:
    """List the sessions of clients with what they used and cost."""
    place = cursors.read(query.cursor, int, str)
    found = list_sessions(_filter(query), None if place is None else (int(place[0]), str(place[1])), query.limit)
    return Sessions(found.sessions, None if found.next is None else cursors.written(*found.next))


@client_sessions.get("/<path:session_id>")
@operation()
def one_session(session_id: str) -> SessionDetail:
    """Show one session with its agents, accounts, newest requests, and what its cache lost."""
    return session_detail(session_id)


def _filter(query: SessionQuery) -> SessionFilter:
    check_order(query.from_, query.to)
    (account,) = account_ids((query.account,)) if query.account else (None,)
    (key,) = key_ids((query.key,)) if query.key else (None,)
    return SessionFilter(query.from_, query.to, account, query.model, key, query.agent, query.q)
