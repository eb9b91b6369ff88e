"""Filters as the address of a page says them: of analytics, of requests, of sessions."""

from typing import Any

from flask import request

from app.dashboard.ranges import moment
from app.errors import InvalidInput
from app.usage.analytics import Narrow
from app.usage.search import Filter
from app.usage.sessions import SessionFilter
from app.usage.spans import RANGES

OUTCOMES = ("running", "complete", "client_gone", "upstream_broke", "refused", "cut_by_shutdown")
NAMES = ("range", "from", "to", "account", "model", "key", "status", "outcome", "failed", "session", "agent", "q")
"""What the address of a list may say."""
_MAX_TEXT = 200


def narrow() -> Narrow:
    """Return which sums the address asks for. Raises InvalidInput."""
    return Narrow(numbers("account"), texts("model"), texts("key"))


def narrowed() -> dict[str, Any]:
    """Return the same as the arguments of an address."""
    found = {name: request.args.getlist(name) for name in ("account", "model", "key")}
    return {name: [value for value in values if value] for name, values in found.items() if any(values)}


def wanted(now_ms: int) -> Filter:
    """Return which requests the address asks for. Raises InvalidInput."""
    start, end = moment("from"), moment("to")
    name = text("range")
    if name is not None and name not in RANGES:
        raise InvalidInput.field("range", f"give one of {', '.join(RANGES)}, or from and to")
    if start is not None and end is not None and start >= end:
        raise InvalidInput.field("from", "lies not before to")
    if start is None and name is not None:
        start = now_ms - RANGES[name][0]
    outcomes = texts("outcome")
    for one in outcomes:
        if one not in OUTCOMES:
            raise InvalidInput.field("outcome", f"give one of {', '.join(OUTCOMES)}")
    return Filter(
        start=start,
        end=end,
        accounts=numbers("account"),
        models=texts("model"),
        keys=texts("key"),
        statuses=numbers("status"),
        outcomes=outcomes,
        failed={"1": True, "0": False}.get(request.args.get("failed", "")),
        session_id=text("session"),
        agent_id=text("agent"),
        text=text("q"),
    )


def wanted_sessions(now_ms: int) -> SessionFilter:
    """Return which sessions the address asks for. Raises InvalidInput."""
    asked = wanted(now_ms)
    return SessionFilter(
        start=asked.start,
        end=asked.end,
        account=next(iter(asked.accounts), None),
        model=next(iter(asked.models), None),
        key=next(iter(asked.keys), None),
        agent=asked.agent_id,
        text=asked.text,
    )


def text(name: str) -> str | None:
    """Return a text of the address, None when it is empty."""
    return request.args.get(name, "").strip()[:_MAX_TEXT] or None


def texts(name: str) -> tuple[str, ...]:
    """Return the texts of that name."""
    return tuple(one.strip()[:_MAX_TEXT] for one in request.args.getlist(name) if one.strip())


def numbers(name: str) -> tuple[int, ...]:
    """Return the numbers of that name. Raises InvalidInput."""
    found = texts(name)
    for one in found:
        if not (one.isascii() and one.isdigit() and len(one) <= 15):
            raise InvalidInput.field(name, "give a number")
    return tuple(int(one) for one in found)
