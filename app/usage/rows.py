"""A recorded request as lists, pages and exports see it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from app.access.models import ClientKey
from app.usage.models import Facet, Request
from app.usage.rollup import CLASS_TOKENS, since
from app.values import Tokens, id_text


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request. `outcome` `running`: it has not ended. What is not known is None.

    `model`: asked for; `model_used`: served, else asked for, what prices and sums go by. `*_ms` count from the start.
    """

    id: int
    public_id: str
    started_at: int
    ended_at: int | None
    duration_ms: int | None
    first_byte_ms: int | None
    first_token_ms: int | None
    method: str
    path: str
    model: str | None
    model_used: str | None
    stream: bool
    account_id: int | None
    account_name: str | None
    provider: str | None
    key_id: str | None
    key_name: str | None
    session_id: str | None
    agent_id: str | None
    parent_agent_id: str | None
    status: int | None
    outcome: str
    is_failed: bool
    error: str | None
    attempts: int
    tokens: Tokens
    cache_hit: float | None
    """The share of the prompt that was read from the cache, 0-1."""
    is_partial: bool
    tokens_per_s: float | None
    cost_micro_usd: int | None
    stop_reason: str | None
    is_synthetic: bool


_NAMES = (
    *("id", "started_at", "ended_at", "first_byte_at", "first_token_at", "method", "path", "model", "model_used"),
    *("stream", "account_id", "account_name", "provider", "key_id", "session_id", "agent_id", "parent_agent_id"),
    *("status", "outcome", "error", "attempts", *CLASS_TOKENS, "web_searches", "is_partial", "tokens_per_s", "cost"),
    *("stop_reason", "is_synthetic"),
)
COLUMNS = tuple(Request.__table__.c[name] for name in _NAMES)
"""The columns that `request_row` needs."""


def key_names(session: Session) -> dict[str, str]:
    """Return the name of each client key."""
    return {key_id: name for key_id, name in session.execute(select(ClientKey.id, ClientKey.name))}


def account_labels(session: Session) -> dict[str, str]:
    """Return the name of each account that ever served, also of deleted ones, by its id as text."""
    labels = session.execute(select(Facet.value, Facet.label).where(Facet.kind == "account"))
    return {value: label for value, label in labels if label}


def request_rows(rows: Iterable[Row[Any]], names: dict[str, str]) -> tuple[RequestRow, ...]:
    """Return rows of `COLUMNS` as values."""
    return tuple(request_row(row, names) for row in rows)


def request_row(row: Any, names: dict[str, str]) -> RequestRow:
    """Return a row with at least `COLUMNS` as a value."""
    tokens = tokens_of(row)
    return RequestRow(
        id=row.id,
        public_id=id_text(row.id),
        started_at=row.started_at,
        ended_at=row.ended_at,
        duration_ms=since(row.started_at, row.ended_at),
        first_byte_ms=since(row.started_at, row.first_byte_at),
        first_token_ms=since(row.started_at, row.first_token_at),
        method=row.method,
        path=row.path,
        model=row.model,
        model_used=row.model_used,
        stream=row.stream,
        account_id=row.account_id,
        account_name=row.account_name,
        provider=row.provider,
        key_id=row.key_id,
        key_name=names.get(row.key_id or ""),
        session_id=row.session_id,
        agent_id=row.agent_id,
        parent_agent_id=row.parent_agent_id,
        status=row.status,
        outcome=row.outcome or "running",
        is_failed=row.outcome is not None and (row.outcome != "complete" or (row.status or 0) >= 400),
        error=row.error,
        attempts=row.attempts,
        tokens=tokens,
        cache_hit=hit_ratio(tokens),
        is_partial=row.is_partial,
        tokens_per_s=row.tokens_per_s,
        cost_micro_usd=row.cost,
        stop_reason=row.stop_reason,
        is_synthetic=row.is_synthetic,
    )


def tokens_of(row: Any) -> Tokens:
    """Return the token counts of a row."""
    return Tokens(
        row.input_tokens,
        row.output_tokens,
        row.cache_read_tokens,
        row.cache_write_5m_tokens,
        row.cache_write_1h_tokens,
        row.web_searches,
    )


def hit_ratio(tokens: Tokens) -> float | None:
    """Return which share of the prompt came from the cache (0-1), None where that is not known."""
    if tokens.cache_read is None:
        return None
    prompt = sum(part or 0 for part in (tokens.input, tokens.cache_read, tokens.cache_write_5m, tokens.cache_write_1h))
    return tokens.cache_read / prompt if prompt else None
