"""The log: its last lines, new ones as they come, by level and text, and all of it as a file."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from app.dashboard import show
from app.dashboard.blueprints import dashboard
from app.gate.streams import Event, event_stream
from app.logs import Follower, log_path
from app.runtime import runtime

LEVELS = ("debug", "info", "warn", "error")
_SHOWN = 300
_SEARCHED = 20_000
_PIECE_BYTES = 65_536
_LINE = re.compile(r"(\S+Z) ([A-Z]+)\s+(\S+)(?: \[(\w+)\])? (.*)", re.DOTALL)
_NAMES = {"warning": "warn", "critical": "error"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log, or a line that follows another one (`at` None)."""

    at: int | None
    level: str
    logger: str
    request_id: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are wanted: from a level on, and with a text in them."""

    level: str
    text: str

    def sees(self, line: Line, raw: str) -> bool:
        """Whether a line is one of them."""
        if self.text and self.text.casefold() not in raw.casefold():
            return False
        return line.level not in LEVELS or LEVELS.index(line.level) >= LEVELS.index(self.level)


@dashboard.get("/logs")
def logs() -> ResponseReturnValue:
    """Show the last lines; a stream brings the new ones."""
    wanted = _wanted()
    follower = Follower(_path(), _SEARCHED if wanted.text or wanted.level != "debug" else _SHOWN)
    try:
        found = list(_seen(wanted, follower.read()))[-_SHOWN:]
    finally:
        follower.close()
    return show.page("pages/logs.html", lines=found, wanted=wanted, levels=LEVELS)


@dashboard.get("/logs/stream")
def logs_stream() -> Response:
    """Send each new line as it is written."""
    wanted, follower = _wanted(), Follower(_path())
    return event_stream(_news(wanted, follower), follower.close)


logs_stream._cooperative = True  # type: ignore[attr-defined]  # noqa: SLF001 - it streams


@dashboard.get("/logs/download")
def logs_download() -> Response:
    """Send the present log file."""
    path = _path()
    pieces = _pieces(path) if path.exists() else iter(())
    headers = {"Content-Disposition": "attachment; filename=ccflare.log"}
    return Response(pieces, mimetype="text/plain", headers=headers)


def read_line(raw: str) -> Line:
    """Return a line of either format as its parts."""
    if raw.startswith("{"):
        try:
            event = json.loads(raw)
            trace = f"\n{event['trace']}" if event.get("trace") else ""
            level = _level(event["level"])
            return Line(_ms(event["at"]), level, event["logger"], event.get("request_id"), event["message"] + trace)
        except (ValueError, KeyError, TypeError):
            return Line(None, "", "", None, raw)
    match = _LINE.fullmatch(raw)
    if match is None:
        return Line(None, "", "", None, raw)
    return Line(_ms(match[1]), _level(match[2].lower()), match[3], match[4], match[5])


def _news(wanted: Wanted, follower: Follower) -> Callable[[], Iterable[Event]]:
    def look() -> Iterable[Event]:
        found = list(_seen(wanted, follower.read()))[-_SHOWN:]
        return (Event(render_template("partials/logs/lines.html", lines=found), "lines"),) if found else ()

    return look


def _seen(wanted: Wanted, raws: Iterable[str]) -> Iterator[Line]:
    """Yield the lines that are wanted; what follows one belongs to it."""
    is_seen = False
    for raw in raws:
        line = read_line(raw)
        if line.at is not None:
            is_seen = wanted.sees(line, raw)
        if is_seen:
            yield line


def _wanted() -> Wanted:
    level = request.args.get("level", "debug")
    return Wanted(level if level in LEVELS else "debug", request.args.get("q", "").strip()[:200])


def _path() -> Path:
    return log_path(runtime().settings)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _level(name: str) -> str:
    return _NAMES.get(name, name)


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)
