"""What the frame around every page shows: where one can go, and how the pool is, in words that are computed."""

from dataclasses import dataclass

from flask import current_app, request, url_for

from app.clock import now_ms
from app.gate.rules import least
from app.gate.visitors import visitor
from app.routing import ineligible
from app.runtime import runtime


@dataclass(frozen=True, slots=True)
class Entry:
    """One page in the navigation. `starts`: endpoints that begin so count as this page too."""

    label: str
    icon: str
    endpoint: str
    starts: tuple[str, ...]

    @property
    def address(self) -> str:
        """Where it leads."""
        return url_for(self.endpoint)

    @property
    def is_here(self) -> bool:
        """Whether the present page is this one or belongs to it."""
        here = (request.endpoint or "").removeprefix("dashboard.")
        return any(here == start or here.startswith(f"{start}_") or here.endswith(f"_{start}") for start in self.starts)


@dataclass(frozen=True, slots=True)
class Pulse:
    """How the pool is: `level` is one of ok, warn, bad, mute."""

    level: str
    words: str


def _entry(label: str, icon: str, name: str, *starts: str) -> Entry:
    return Entry(label, icon, f"dashboard.{name}", (name, *starts))


_GROUPS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "Watch",
        (
            _entry("Overview", "layout-dashboard", "overview"),
            _entry("Requests", "list", "requests", "request"),
            _entry("Sessions", "messages-square", "sessions", "session"),
            _entry("Analytics", "chart-line", "analytics"),
        ),
    ),
    (
        "Manage",
        (
            _entry("Accounts", "waypoints", "accounts", "account"),
            _entry("Keys", "key-round", "keys", "key"),
            _entry("Users", "users", "users", "user"),
        ),
    ),
    (
        "System",
        (
            _entry("Settings", "settings", "settings", "setting", "prices", "price"),
            _entry("Logs", "scroll-text", "logs"),
            _entry("Jobs", "timer-reset", "jobs", "job"),
            _entry("Audit", "shield-check", "audit"),
        ),
    ),
)


def navigation() -> list[tuple[str, list[Entry]]]:
    """Return the pages that exist and that the visitor may see, in groups."""
    shown = [(title, [one for one in entries if _is_shown(one)]) for title, entries in _GROUPS]
    return [(title, entries) for title, entries in shown if entries]


def pool_pulse() -> Pulse:
    """Return how the pool is, from what this process knows; asks no database."""
    candidates, at = runtime().pool.candidates(), now_ms()
    ready = sum(1 for one in candidates if ineligible(one, True, None, at) is None)
    if not candidates:
        return Pulse("mute", "No account yet")
    if ready == len(candidates):
        return Pulse("ok", "The account is ready" if ready == 1 else f"All {ready} accounts ready")
    if ready == 0:
        return Pulse("bad", "No account can serve")
    return Pulse("warn", f"{ready} of {len(candidates)} accounts ready")


def _is_shown(entry: Entry) -> bool:
    is_there = entry.endpoint in current_app.view_functions
    return is_there and (visitor().is_admin or least(entry.endpoint) == "viewer")
