"""The audit log over the API."""

from dataclasses import dataclass
from typing import Annotated

from flask import Blueprint

from app.api import cursors
from app.api.operations import operation
from app.api.rules import Between, Cursor, Text
from app.audit import EntryFilter, EntryView, entries

audit = Blueprint("audit", __name__, url_prefix="/audit")


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries are wanted. `action`: a whole one (`account.pause`) or its noun (`account`)."""

    actor: Text | None = None
    action: Text | None = None
    subject: Text | None = None
    limit: Annotated[int, Between(1, 500)] = 100
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first. `next`: the cursor of the page below, null on the last one."""

    entries: tuple[EntryView, ...]
    next: str | None


@audit.get("")
@operation()
def all_entries(query: AuditQuery) -> AuditPage:
    """List what operators did, newest first."""
    place = cursors.read(query.cursor, int)
    before = None if place is None else int(place[0])
    wanted = EntryFilter(query.actor or "", query.action or "", query.subject or "", before)
    found = entries(wanted, query.limit + 1)
    shown = found[: query.limit]
    return AuditPage(shown, cursors.written(shown[-1].id) if len(found) > query.limit else None)
