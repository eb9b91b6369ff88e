"""The command that shows how everything is, live."""

import math
import sys
import time
from contextlib import suppress

import click
from sqlalchemy.exc import SQLAlchemyError

from app import preferences
from app.accounts.overview import AccountView, WindowView
from app.cli import output
from app.cli.accounts import health_words
from app.cli.group import commands, database_fault
from app.cli.output import json_option
from app.cli.screen import open_screen
from app.figures import short, took, utc
from app.glance import AccountGlance, Glance, glance
from app.runtime import runtime

_COLOURS = {"ok": "green", "warn": "yellow", "bad": "red", "mute": "yellow"}
_WINDOWS = ("5h", "7d")
_RUNNING_SHOWN = 10


def _checked(_context: click.Context, _option: click.Parameter, seconds: float) -> float:
    if math.isnan(seconds):
        raise click.BadParameter("give a number")
    return seconds


@commands.command("top")
@click.option(
    "--interval", type=click.FloatRange(0.2, 3600), default=2.0, show_default=True, metavar="SECONDS",
    callback=_checked, help="Time between two looks.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Look once; so it is where no terminal shows it.")
@json_option
def top(interval: float, once: bool) -> None:
    """Show live how everything is: accounts, windows, paces, what runs, what failed; `q` ends it.

    With --json each look is one line.
    """
    with suppress(KeyboardInterrupt):
        if output.is_json():
            _print_lines(interval, once)
        elif once or not sys.stdout.isatty():
            click.echo("\n".join(frame(_look(), None, None)))
        else:
            _draw(interval)


def frame(seen: Glance, width: int | None, height: int | None) -> list[str]:
    """Return the lines that show a glance, cut to a width and height where there is one."""
    style, lines = _head(seen)
    running, failed = _running(seen, width), _failed(seen, width)
    lines += ["", *_accounts(seen, width), "", *running, "", *failed]
    shown = [line if width is None else output.cut(line, width) for line in lines[:height]]
    if width is not None:
        shown[0] = click.style(shown[0], fg=style, bold=True)
    return shown


def _print_lines(interval: float, once: bool) -> None:
    while True:
        output.line(_look())
        if once:
            return
        time.sleep(interval)


def _draw(interval: float) -> None:
    with open_screen() as screen:
        while not screen.is_ended:
            width, height = screen.size
            try:
                lines = frame(_look(), width, height)
            except SQLAlchemyError as exc:
                lines = [output.cut(database_fault(exc).message, width)]
            screen.draw(lines)
            screen.wait(interval)


def _look() -> Glance:
    run = runtime()
    run.settings = preferences.present(run.settings)
    run.pool.load()
    return glance(run)


def _head(seen: Glance) -> tuple[str, list[str]]:
    """Return the colour of the first line, and the lines above the tables."""
    serving, pace = seen.serving, seen.pace
    workers = f"{seen.workers} worker{'' if seen.workers == 1 else 's'}"
    lines = [f"{seen.verdict.words}  {workers}, {utc(seen.at)}"]
    passed = [
        f"{one.name}: {one.reason}{f', back {output.when(one.until, seen.at)}' if one.until else ''}"
        for one in serving.passed_over
    ]
    who = f"{serving.account} would serve next: {serving.why}" if serving.account else "Nobody would serve next"
    lines.append("; ".join([f"{who} ({serving.strategy})", *passed]))
    lines.append(
        f"Requests/min {short(_pace(pace.requests_per_minute))}, tokens/min {short(_pace(pace.tokens_per_minute))}; "
        f"running {seen.requests_running}; today (UTC) {output.counted(pace.requests_today, 'request')}, "
        f"{pace.failed_today:,} failed, "
        f"{output.usd(pace.cost_today_micro_usd)}"
    )
    return _COLOURS[seen.verdict.level], [output.clean(line) for line in lines]


def _accounts(seen: Glance, width: int | None) -> list[str]:
    if not seen.accounts:
        return ["There is no account. `flask ccflare add-account` adds one."]
    headers = ("ACCOUNT", "STATE", *(f"{kind}, RESET" for kind in _WINDOWS), "REQ/MIN", "TOK/MIN", "TODAY", "COST")
    rows = [_account(one, seen.at) for one in seen.accounts]
    return output.columns(headers, rows, frozenset(range(4, 8)), width)


def _account(one: AccountGlance, now: int) -> tuple[str, ...]:
    view, pace = one.account, one.pace
    return (
        f"{'> ' if one.serves_now else '  '}{view.name}",
        health_words(view),
        *(_window(view, kind, now) for kind in _WINDOWS),
        short(_pace(pace.requests_per_minute)),
        short(_pace(pace.tokens_per_minute)),
        output.number(pace.requests_today),
        output.usd(pace.cost_today_micro_usd),
    )


def _window(view: AccountView, kind: str, now: int) -> str:
    found: WindowView | None = next((window for window in view.windows if window.kind == kind), None)
    if found is None or (found.utilization is None and found.status is None):
        return output.NOTHING
    if found.is_reset:
        return "reset"
    return output.percent(found.utilization) + (f", {output.when(found.reset_at, now)}" if found.reset_at else "")


def _running(seen: Glance, width: int | None) -> list[str]:
    if not seen.running:
        return ["Nothing is running."]
    rows = [
        (
            row.public_id,
            took(max(0, seen.at - row.started_at)),
            row.model or output.NOTHING,
            row.key_name or row.key_id or output.NOTHING,
            row.session_id or output.NOTHING,
            row.path,
        )
        for row in seen.running[:_RUNNING_SHOWN]
    ]
    more = seen.requests_running - len(rows)
    lines = output.columns(("RUNNING", "FOR", "MODEL", "KEY", "SESSION", "PATH"), rows, frozenset({1}), width)
    return [*lines, *([f"and {more} more"] if more else [])]


def _failed(seen: Glance, width: int | None) -> list[str]:
    if not seen.failures:
        return ["Nothing failed in the last 24 hours."]
    rows = [
        (
            one.request.public_id,
            output.when(one.request.started_at, seen.at),
            str(one.request.status or output.NOTHING),
            one.reason if one.reason not in (None, "served") else one.request.outcome.replace("_", " "),
            one.request.account_name or output.NOTHING,
            one.request.error or one.advice,
        )
        for one in seen.failures
    ]
    return output.columns(("FAILED", "WHEN", "STATUS", "REASON", "ACCOUNT", "ERROR"), rows, frozenset({2}), width)


def _pace(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
