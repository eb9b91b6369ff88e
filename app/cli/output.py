"""What commands print: tables and sentences for people, JSON for programs, errors as one line."""

import functools
import json
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from itertools import zip_longest
from typing import Any, NoReturn, TypeVar

import click

from app import figures
from app.errors import CcflareError
from app.figures import decimal_usd
from app.figures import iso as iso

Command = TypeVar("Command", bound=Callable[..., Any])

_JSON = "ccflare.json"
_TIMES = frozenset({"at", "until", "session_start"})
_MIN_COLUMN = 8
_MAX_SECRET_CHARS = 1 << 20
_GAP = "  "
NOTHING = "-"
"""Stands for a value that is not known."""


def json_option(command: Command) -> Command:
    """Give a command the `--json` switch; `is_json` tells whether it was used."""

    def remember(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if value:
            ctx.meta[_JSON] = True

    option: Callable[[Command], Command] = click.option(
        "--json", is_flag=True, is_eager=True, expose_value=False, callback=remember, help="Print JSON."
    )
    return option(command)


def is_json() -> bool:
    """Whether the running command shall print JSON."""
    context = click.get_current_context(silent=True)
    return context is not None and context.meta.get(_JSON, False) is True


def line(value: object) -> None:
    """Print a value as JSON on one line, at once: one of many."""
    click.echo(json.dumps(jsonable(value), ensure_ascii=False))
    sys.stdout.flush()


def show(value: object, text: str | Callable[[], str]) -> None:
    """Print the result of a command: `value` as JSON, or `text` for people."""
    if is_json():
        click.echo(json.dumps(jsonable(value), ensure_ascii=False, indent=2))
    else:
        click.echo(text if isinstance(text, str) else text())


def fail(error: CcflareError) -> NoReturn:
    """End the command with one line on stderr, or its JSON, and exit status 1."""
    if is_json():
        click.echo(json.dumps({"error": error.message, "details": error.details}, ensure_ascii=False), err=True)
    else:
        click.echo(f"Error: {clean(error.message)}", err=True)
    click.get_current_context().exit(1)


def confirm_or_fail(question: str) -> None:
    """Ask on a terminal; elsewhere say that `--yes` is needed."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Give --yes to do it without being asked.")
    click.confirm(question, abort=True)


def read_secret(prompt: str, option: str, from_stdin: bool, repeat: bool = False) -> str:
    """Return a secret from standard input, or from a hidden prompt on a terminal."""
    if from_stdin:
        # Who types waits for no more than a line.
        text = (sys.stdin.readline() if sys.stdin.isatty() else sys.stdin.read(_MAX_SECRET_CHARS)).rstrip("\r\n")
        if not text:
            raise click.UsageError(f"{option}: standard input is empty.")
        if "\n" in text:
            raise click.UsageError(f"{option}: standard input holds more than one line.")
        return text
    if not sys.stdin.isatty():
        raise click.UsageError(f"Give {option} and the secret on standard input.")
    typed: str = click.prompt(prompt, hide_input=True, confirmation_prompt=repeat)
    return typed


def jsonable(value: object) -> object:
    """Return a value as JSON: times (`*_at`, `until`) also as ISO text, micro-USD also as decimal text in USD."""
    if is_dataclass(value) and not isinstance(value, type):
        return jsonable({field.name: getattr(value, field.name) for field in fields(value)})
    if isinstance(value, Mapping):
        found: dict[str, object] = {}
        for name, part in value.items():
            key = str(name)
            found[key] = jsonable(part)
            if not isinstance(part, int | None):
                continue
            if key in _TIMES or key.endswith("_at"):
                found[f"{key}_iso"] = None if part is None else iso(part)
            elif key.endswith("_micro_usd"):
                found[f"{key.removesuffix('_micro_usd')}_usd"] = None if part is None else decimal_usd(part)
        return found
    if isinstance(value, list | tuple):
        return [jsonable(part) for part in value]
    return value.hex() if isinstance(value, bytes) else value


def usd(micro_usd: int | None) -> str:
    """Return an amount for people: cents, and more digits where it is less than a dollar."""
    if micro_usd is None:
        return NOTHING
    if micro_usd == 0:
        return "$0"
    digits = 2 if abs(micro_usd) >= 1_000_000 else 4
    return f"${micro_usd / 1_000_000:,.{digits}f}" if abs(micro_usd) >= 50 else "< $0.0001"


def number(value: int | None) -> str:
    """Return a count for people."""
    return NOTHING if value is None else f"{value:,}"


def counted(count: int, noun: str) -> str:
    """Return how many there are of something, `noun` being one of it."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent(fraction: float | None) -> str:
    """Return a fraction as a percentage."""
    return NOTHING if fraction is None else f"{fraction * 100:.0f} %"


def size(count: int | None) -> str:
    """Return a number of bytes for people."""
    return NOTHING if count is None else figures.size(count)


def span(milliseconds: int) -> str:
    """Return a duration for people, to the minute where it is no less than one."""
    return figures.span(milliseconds if milliseconds < 60_000 else milliseconds // 60_000 * 60_000)


def when(at: int | None, now_ms: int) -> str:
    """Return a time for people, relative to now."""
    if at is None:
        return NOTHING
    return f"in {span(at - now_ms)}" if at > now_ms else f"{span(now_ms - at)} ago"


def clean(text: str) -> str:
    """Return text on one line without anything that a terminal would obey."""
    return "".join(char if char.isprintable() else " " for char in text)


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: frozenset[int] = frozenset(),
    whole: frozenset[int] = frozenset(),
) -> str:
    """Return rows under headers, wrapped to fit the terminal; what is not a terminal gets one line a row.

    `right`: columns that are aligned to the right; `whole`: those that are not wrapped.
    """
    lines = _cleaned(headers, rows)
    widths = _widths(lines)
    if sys.stdout.isatty():
        narrowest = [width if at in whole else _narrowest(headers[at]) for at, width in enumerate(widths)]
        _shrink(widths, narrowest, shutil.get_terminal_size().columns)
    folded = ([_folded(cell, width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "\n".join(_row(line, widths, right) for cells in folded for line in zip_longest(*cells, fillvalue=""))


def columns(
    headers: Sequence[str], rows: Iterable[Sequence[str]], right: frozenset[int], width: int | None
) -> list[str]:
    """Return the lines of a table, one a row, its cells cut as far as that can be to fit a width, if there is one."""
    lines = _cleaned(headers, rows)
    widths = _widths(lines)
    if width is not None:
        _shrink(widths, [_narrowest(header) for header in headers], width)
    return [_row(line, widths, right) for line in lines]


def cut(text: str, width: int) -> str:
    """Return text that takes at most so many places on a terminal."""
    return text if _width(text) <= width else padded(text, width)


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names and values, one a line."""
    lines = [(name, clean(value)) for name, value in pairs]
    width = max((_width(name) for name, _ in lines), default=0)
    return "\n".join(f"{padded(name, width)}{_GAP}{value}" for name, value in lines)


def padded(text: str, width: int) -> str:
    """Return text that takes exactly so many places on a terminal."""
    return _padded(text, width, is_right=False)


def widest(texts: Iterable[str]) -> int:
    """Return how many places the longest text takes on a terminal."""
    return max(map(_width, texts), default=0)


def _cleaned(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> list[tuple[str, ...]]:
    return [tuple(clean(cell) for cell in row) for row in (headers, *rows)]


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [widest(column) for column in zip(*lines, strict=True)]


def _narrowest(header: str) -> int:
    return max(_MIN_COLUMN, _width(header))


def _shrink(widths: list[int], narrowest: Sequence[int], width: int) -> None:
    """Narrow the widest columns until all fit a width, as far as that can be."""
    room = width - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room:
        wide = [at for at in range(len(widths)) if widths[at] > narrowest[at]]
        if not wide:
            return
        widths[max(wide, key=lambda at: widths[at])] -= 1


def _row(cells: Sequence[str], widths: Sequence[int], right: frozenset[int]) -> str:
    return _GAP.join(_padded(cell, widths[at], at in right) for at, cell in enumerate(cells)).rstrip()


def _folded(text: str, width: int) -> list[str]:
    """Return text on lines of a width, broken between words where that can be."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if _width(longer) <= width:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        rest = word
        while _width(rest) > width:
            head = rest
            while _width(head) > width:
                head = head[:-1]
            lines[-1:] = [head, ""]
            rest = rest[len(head) :]
        lines[-1] = rest
    return lines


def _padded(cell: str, width: int, is_right: bool) -> str:
    if _width(cell) > width:
        while _width(cell) > width - 1:
            cell = cell[:-1]
        cell += "…"
    blanks = " " * (width - _width(cell))
    return blanks + cell if is_right else cell + blanks


@functools.lru_cache(maxsize=4096)
def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
