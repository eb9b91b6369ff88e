"""Commands on what happened: statistics, counters, recorded history."""

import click

from app.cli import output
from app.cli.group import actor, commands
from app.cli.output import json_option
from app.usage import stats as room
from app.usage import upkeep
from app.usage.stats import Share, Stats, Totals


@commands.command("stats")
@json_option
def stats() -> None:
    """Add up requests, outcomes, tokens and cost."""
    found = room.stats()
    output.show(found, lambda: _report(found))


@commands.command("reset-stats")
@json_option
def reset_stats() -> None:
    """Set the request counters of all accounts to zero; history stays."""
    count = room.reset_stats(actor())
    output.show({"accounts": count}, "The counters of all accounts are zero.")


@commands.command("clear-history")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def clear_history(yes: bool) -> None:
    """Delete the records of all requests that have ended."""
    if not yes:
        output.confirm_or_fail("Delete the records of all requests?")
    count = upkeep.clear_history(actor())
    output.show({"requests": count}, f"Deleted the records of {output.counted(count, 'request')}.")


@commands.command("analyze")
@json_option
def analyze() -> None:
    """Measure the database and refresh the statistics that queries are planned by."""
    found = upkeep.analyze()
    rows = [
        (table.name, output.number(table.rows), output.size(table.size_bytes), str(len(table.indexes)))
        for table in found.tables
    ]
    log = f", write-ahead log {output.size(found.log_bytes)}" if found.log_bytes is not None else ""
    headline = f"{found.engine}: {output.size(found.size_bytes)}{log}, analyzed in {found.took_ms} ms"
    listed = output.table(("TABLE", "ROWS", "SIZE", "INDEXES"), rows, right=frozenset({1, 2, 3}))
    output.show(found, f"{headline}\n\n{listed}")


def _report(found: Stats) -> str:
    ranges = (
        ("today (UTC)", found.today),
        ("last 7 days", found.last_7_days),
        ("last 30 days", found.last_30_days),
        ("in all", found.total),
    )
    parts = [_table("", [(name, totals) for name, totals in ranges])]
    if found.total.outcomes:
        counts = sorted(found.total.outcomes.items(), key=lambda one: -one[1])
        parts.append("Outcomes: " + ", ".join(f"{name} {count:,}" for name, count in counts))
    for title, shares in (("ACCOUNT", found.accounts), ("MODEL", found.models)):
        if shares:
            parts.append(_table(title, [(_name(share), share.totals) for share in shares]))
    if found.total.unpriced:
        have, their = ("has", "its") if found.total.unpriced == 1 else ("have", "their")
        count = output.counted(found.total.unpriced, "request")
        parts.append(f"{count} {have} no price; {their} cost is not in the sums.")
    return "\n\n".join(parts)


def _name(share: Share) -> str:
    return share.name if share.name is not None else "(none)"


def _table(title: str, rows: list[tuple[str, Totals]]) -> str:
    headers = (title, "REQUESTS", "SERVED", "INPUT", "OUTPUT", "CACHE READ", "CACHE WRITE", "COST")
    lines = [
        (
            name,
            output.number(totals.requests),
            output.percent(totals.success_rate),
            output.number(totals.tokens.input),
            output.number(totals.tokens.output),
            output.number(totals.tokens.cache_read),
            output.number(_added(totals.tokens.cache_write_5m, totals.tokens.cache_write_1h)),
            output.usd(totals.cost_micro_usd),
        )
        for name, totals in rows
    ]
    return output.table(headers, lines, right=frozenset(range(1, 8)))


def _added(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)
