"""The audit log: who did what, when, and from where."""

from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from app.audit import NOUNS, EntryFilter, entries
from app.dashboard import show
from app.dashboard.blueprints import dashboard
from app.errors import InvalidInput

_PAGE = 100


@dashboard.get("/audit")
def audit() -> ResponseReturnValue:
    """Show entries, the newest first, a page at a time."""
    asked: dict[str, Any] = {name: request.args.get(name, "").strip()[:200] for name in ("actor", "action", "subject")}
    wanted = EntryFilter(**asked, before=_before())
    found = entries(wanted, _PAGE + 1)
    shown = found[:_PAGE]
    older = url_for("dashboard.audit", **asked, before=shown[-1].id) if len(found) > _PAGE else None
    is_filtered = any(asked.values()) or wanted.before is not None
    return show.page("pages/audit.html", entries=shown, asked=asked, nouns=NOUNS, older=older, is_filtered=is_filtered)


def _before() -> int | None:
    text = request.args.get("before", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidInput.field("before", "is no number of an entry")
    return int(text)
