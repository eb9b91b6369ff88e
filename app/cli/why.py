"""The command that tells why a request went where it went."""

from collections.abc import Iterable, Iterator
from dataclasses import fields

import click

from app.cli import output
from app.cli.group import commands
from app.cli.output import json_option
from app.clock import now_ms
from app.figures import took
from app.runtime import runtime
from app.usage.advice import CUT_SHORT, REASONS
from app.usage.cache_losses import CAUSES, CacheLoss
from app.usage.queries import AttemptRow, RequestDetail
from app.usage.viewing import view_named
from app.values import id_text

Section = tuple[str, tuple[str, ...]]

OUTCOMES = {
    "running": "It is still running.",
    "complete": "The answer went to the client in full.",
    "client_gone": "The client left before the answer was complete.",
    "upstream_broke": "The upstream cut the answer short, and the client saw it end early.",
    "refused": "It was refused here: no upstream's answer was passed on.",
    "cut_by_shutdown": "The server stopped while it ran.",
}


@commands.command("why")
@click.argument("request")
@json_option
def why(request: str) -> None:
    """Tell why a REQUEST went where it went; its id is ours (req_...) or the upstream's."""
    detail = view_named(request, runtime().vault)
    sections = tuple(section for section in _sections(detail) if section[1])
    told = [line for _, lines in sections for line in lines]
    shown = {field.name: getattr(detail, field.name) for field in fields(detail)}
    output.show({**shown, "story": told}, lambda: "\n\n".join([_headline(detail), *map(_written, sections)]))


def _sections(detail: RequestDetail) -> Iterator[Section]:
    yield "Who was asked", tuple(_asked(detail))
    yield "Who was not asked", tuple(_refused(detail))
    yield "Prompt cache", tuple(_cache(detail))
    yield "What a translation could not carry", detail.losses
    yield "How it ended", tuple(_end(detail))


def _written(section: Section) -> str:
    title, lines = section
    return "\n".join([title, *(f"  {output.clean(line)}" for line in lines)])


def _headline(detail: RequestDetail) -> str:
    row = detail.request
    pairs = [
        ("request", row.public_id),
        ("upstream's id", detail.upstream_request_id),
        ("began", _moment(row.started_at)),
        ("asked", f"{row.method} {row.path}{', streamed' if row.stream else ''}"),
        ("model", row.model),
        ("session", row.session_id),
        ("agent", row.agent_id),
        ("key", row.key_name or row.key_id),
    ]
    return output.facts((name, value) for name, value in pairs if value is not None)


def _asked(detail: RequestDetail) -> Iterator[str]:
    if detail.why and detail.attempts:
        yield f"{detail.attempts[0].account_name} came first: {detail.why} (strategy {detail.strategy})."
    if not detail.attempts:
        yield "No account has been asked yet." if detail.request.outcome == "running" else "No account was asked."
    for number, attempt in enumerate(detail.attempts, 1):
        yield f"{number}. {_attempt(attempt, detail.request.started_at)}"


def _attempt(attempt: AttemptRow, begun: int) -> str:
    words = REASONS.get(attempt.reason, attempt.reason)
    after, lasted = took(max(0, attempt.started_at - begun)), took(attempt.duration_ms)
    reason = words if words == attempt.reason else f"{words} ({attempt.reason})"
    said = f"{attempt.status or 'no answer'}, {reason}"
    parts = [f"{attempt.account_name}, {after} after the start, for {lasted}: {said}."]
    if attempt.detail:
        parts.append(f"It said: {attempt.detail.rstrip('.')}.")
    if attempt.cooldown_until is not None:
        parts.append(f"The account rests until {_moment(attempt.cooldown_until)}.")
    return " ".join(parts)


def _refused(detail: RequestDetail) -> Iterator[str]:
    for one in detail.refused:
        yield f"{one.name}: {one.reason}{f', until {_moment(one.until)}' if one.until is not None else ''}."


def _cache(detail: RequestDetail) -> Iterator[str]:
    lost = detail.cache_loss
    if lost is not None:
        yield _lost(lost)
    elif detail.request.cache_hit is not None and detail.previous is not None:
        yield "Nothing that its session had in the cache was lost."


def _lost(lost: CacheLoss) -> str:
    cost = (
        f" Writing them again cost about {output.usd(lost.rewrite_micro_usd)} more." if lost.rewrite_micro_usd else ""
    )
    return (
        f"{lost.lost_tokens:,} tokens that {id_text(lost.previous_id)} left in the cache, "
        f"{output.span(lost.idle_ms)} earlier, were not found again: {CAUSES[lost.cause]} ({lost.detail}).{cost}"
    )


def _end(detail: RequestDetail) -> Iterator[str]:
    row = detail.request
    by = f" {row.account_name} served it" + (f" as {row.model_used}." if row.model_used else ".")
    passed = f" Status {row.status}{f', after {took(row.duration_ms)}' if row.duration_ms is not None else ''}."
    is_served = row.account_name is not None and not row.is_failed and row.outcome != "running"
    yield f"{OUTCOMES.get(row.outcome, row.outcome)}{passed if row.status is not None else ''}{by if is_served else ''}"
    if row.error:
        yield f"The error: {row.error}"
    if row.tokens.is_known:
        cut = f"; partial, as {CUT_SHORT.get(row.outcome, 'the answer has no end')}" if row.is_partial else ""
        yield f"Tokens: {', '.join(_tokens(detail))}{cut}."
    if row.cost_micro_usd is not None:
        version = f" (prices {detail.cost.price_version})" if detail.cost.price_version else ""
        yield f"Cost at the API's prices: {output.usd(row.cost_micro_usd)}{version}."
    elif row.outcome != "running":
        yield "Its cost is not known."
    if detail.advice:
        yield f"What to do: {detail.advice}"


def _tokens(detail: RequestDetail) -> Iterable[str]:
    tokens = detail.request.tokens
    named = {
        "input": tokens.input,
        "cache read": tokens.cache_read,
        "cache write 5 min": tokens.cache_write_5m,
        "cache write 1 h": tokens.cache_write_1h,
        "output": tokens.output,
    }
    return (f"{count:,} {name}" for name, count in named.items() if count is not None)


def _moment(at: int) -> str:
    return f"{output.iso(at)} ({output.when(at, now_ms())})"
