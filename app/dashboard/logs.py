"""The log: its last lines, new ones as they come, by level and text, and all of it as a file."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from app.dashboard import show
from app.dashboard.blueprints import dashboard
from app.gate.streams import Event, event_stream
from app.log_lines import LEVELS, Wanted, seen
from app.logs import Follower, log_path
from app.runtime import runtime
from app.server import cooperative

_SHOWN = 300
_SEARCHED = 20_000
_PIECE_BYTES = 65_536


@dashboard.get("/logs")
def logs() -> ResponseReturnValue:
    """Show the last lines; a stream brings the new ones."""
    wanted = _wanted()
    follower = Follower(_path(), _SEARCHED if wanted.text or wanted.level != "debug" else _SHOWN)
    try:
        found = list(seen(wanted, follower.read()))[-_SHOWN:]
    finally:
        follower.close()
    return show.page("pages/logs.html", lines=found, wanted=wanted, levels=LEVELS)


@dashboard.get("/logs/stream")
@cooperative
def logs_stream() -> Response:
    """Send each new line as it is written."""
    wanted, follower = _wanted(), Follower(_path())
    return event_stream(_news(wanted, follower), follower.close)


@dashboard.get("/logs/download")
def logs_download() -> Response:
    """Send the present log file."""
    path = _path()
    pieces = _pieces(path) if path.exists() else iter(())
    headers = {"Content-Disposition": "attachment; filename=ccflare.log"}
    return Response(pieces, mimetype="text/plain", headers=headers)


def _news(wanted: Wanted, follower: Follower) -> Callable[[], Iterable[Event]]:
    def look() -> Iterable[Event]:
        found = list(seen(wanted, follower.read()))[-_SHOWN:]
        return (Event(render_template("partials/logs/lines.html", lines=found), "lines"),) if found else ()

    return look


def _wanted() -> Wanted:
    level = request.args.get("level", "debug")
    return Wanted(level if level in LEVELS else "debug", request.args.get("q", "").strip()[:200])


def _path() -> Path:
    return log_path(runtime().settings)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece
