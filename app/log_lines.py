"""Lines of the log, taken apart again: both formats, and the lines of a traceback that follow one."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

LEVELS = ("debug", "info", "warn", "error")
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


def seen(wanted: Wanted, raws: Iterable[str]) -> Iterator[Line]:
    """Yield the lines that are wanted; what follows one belongs to it."""
    is_seen = False
    for raw in raws:
        line = read_line(raw)
        if line.at is not None:
            is_seen = wanted.sees(line, raw)
        if is_seen:
            yield line


def _level(name: str) -> str:
    return _NAMES.get(name, name)


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)
