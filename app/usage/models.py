"""Tables of the usage room: requests, attempts, payloads, what they add up to, prices, how far journals are read."""

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Id64, Model

FAILED = "(outcome <> 'complete' OR status >= 400)"
UNUSUAL = "status <> 200"
RUNNING = "outcome IS NULL"
"""Conditions of partial indexes. A query must repeat them word for word to be served by the index."""


def _partial(name: str, *columns: str, where: str) -> Index:
    """Return an index of the rows that satisfy a condition, for SQLite; migrations/env.py gives it to PostgreSQL."""
    return Index(name, *columns, sqlite_where=text(where))


class Request(Model):
    """One request of a client. `outcome` NULL: it is still running. The id sorts by start time."""

    __tablename__ = "requests"

    id: Mapped[int] = mapped_column(Id64, primary_key=True, autoincrement=False)
    started_at: Mapped[int]
    first_byte_at: Mapped[int | None]
    first_token_at: Mapped[int | None]
    ended_at: Mapped[int | None]
    key_id: Mapped[str | None] = mapped_column(String(8))
    session_id: Mapped[str | None] = mapped_column(String(200))
    agent_id: Mapped[str | None] = mapped_column(String(200))
    parent_agent_id: Mapped[str | None] = mapped_column(String(200))
    method: Mapped[str] = mapped_column(String(16))
    path: Mapped[str] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(String(200))
    model_served: Mapped[str | None] = mapped_column(String(200))
    model_used: Mapped[str | None] = mapped_column(String(200))
    """Served, else asked for: what prices, sums and filters go by."""
    stream: Mapped[bool] = mapped_column(default=False)
    account_id: Mapped[int | None]
    account_name: Mapped[str | None] = mapped_column(String(100))
    provider: Mapped[str | None] = mapped_column(String(40))
    strategy: Mapped[str | None] = mapped_column(String(40))
    why: Mapped[str | None] = mapped_column(String(200))
    """Why the account that was asked first came first."""
    status: Mapped[int | None]
    outcome: Mapped[str | None] = mapped_column(String(20))
    error: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(default=0)
    refused: Mapped[str | None] = mapped_column(Text)
    """JSON list of [account name, reason, until]: why each other account was not asked."""
    losses: Mapped[str | None] = mapped_column(Text)
    """JSON list of what a translation could not carry to the other side."""
    request_bytes: Mapped[int | None]
    answer_bytes: Mapped[int | None]
    upstream_request_id: Mapped[str | None] = mapped_column(String(200))
    stop_reason: Mapped[str | None] = mapped_column(String(60))
    user_agent: Mapped[str | None] = mapped_column(String(200))
    is_synthetic: Mapped[bool] = mapped_column(default=False)
    worker: Mapped[str | None] = mapped_column(String(40))
    """The worker that runs it, until the end is recorded; it stays where that never came."""

    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    cache_read_tokens: Mapped[int | None]
    cache_write_5m_tokens: Mapped[int | None]
    cache_write_1h_tokens: Mapped[int | None]
    web_searches: Mapped[int | None]
    is_partial: Mapped[bool] = mapped_column(default=False)
    """The client left before the end: the tokens are what was seen until then."""
    tokens_per_s: Mapped[float | None]

    input_cost: Mapped[int | None]
    output_cost: Mapped[int | None]
    cache_read_cost: Mapped[int | None]
    cache_write_5m_cost: Mapped[int | None]
    cache_write_1h_cost: Mapped[int | None]
    web_search_cost: Mapped[int | None]
    cost: Mapped[int | None]
    """Total in micro-USD; NULL when any class that occurred has no price."""
    price_version: Mapped[str | None] = mapped_column(String(40))

    __table_args__ = (
        Index("requests_by_account", "account_id", "id"),
        Index("requests_by_model", "model_used", "id"),
        _partial("requests_by_session", "session_id", "id", where="session_id IS NOT NULL"),
        _partial("requests_by_key", "key_id", "id", where="key_id IS NOT NULL"),
        _partial("requests_by_agent", "agent_id", "id", where="agent_id IS NOT NULL"),
        _partial("requests_by_upstream_id", "upstream_request_id", where="upstream_request_id IS NOT NULL"),
        _partial("requests_by_status", "status", "id", where=UNUSUAL),
        _partial("requests_failed", "id", where=FAILED),
        _partial("requests_running", "id", where=RUNNING),
    )


class Attempt(Model):
    """One try of one request at one account."""

    __tablename__ = "attempts"
    __table_args__ = ({"sqlite_with_rowid": False},)

    request_id: Mapped[int] = mapped_column(ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int]
    account_name: Mapped[str] = mapped_column(String(100))
    status: Mapped[int | None]
    reason: Mapped[str] = mapped_column(String(40))
    detail: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[int]
    ended_at: Mapped[int]
    cooldown_until: Mapped[int | None]


class Payload(Model):
    """Headers and bodies of one request: redacted, compressed, then encrypted; apart from the row on purpose."""

    __tablename__ = "payloads"

    request_id: Mapped[int] = mapped_column(ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[int]
    size: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (Index("payloads_by_age", "at", "size"),)
    """Covers the sum of all sizes, so that the size cap reads no payload."""


class JournalPosition(Model):
    """How far a journal file is in the database: advanced in the transaction that stores its records."""

    __tablename__ = "journal_positions"

    journal: Mapped[str] = mapped_column(String(200), primary_key=True)
    offset: Mapped[int]


class Rollup(Model):
    """The ended requests of one span of time, account, model and key, added up with the rows, never counted later.

    `span_ms`: a minute, hour, day or week (UTC). Unknown account: 0, unknown model or key: the empty text. Tokens and
    costs are sums over the requests whose value is known; `*_known`, `metered` (any) and `priced` count those. A class'
    cost is only summed where the whole cost is known, so that classes add up to `cost`. The blobs are histograms.
    """

    __tablename__ = "rollups"
    __table_args__ = ({"sqlite_with_rowid": False},)

    span_ms: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(8), primary_key=True)

    requests: Mapped[int] = mapped_column(default=0)
    succeeded: Mapped[int] = mapped_column(default=0)
    """Complete with a status below 400."""
    client_gone: Mapped[int] = mapped_column(default=0)
    upstream_broke: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    cut_by_shutdown: Mapped[int] = mapped_column(default=0)
    status_2xx: Mapped[int] = mapped_column(default=0)
    status_3xx: Mapped[int] = mapped_column(default=0)
    status_4xx: Mapped[int] = mapped_column(default=0)
    status_5xx: Mapped[int] = mapped_column(default=0)
    status_429: Mapped[int] = mapped_column(default=0)
    """Also counted in `status_4xx`."""
    streams: Mapped[int] = mapped_column(default=0)
    synthetic: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    failovers: Mapped[int] = mapped_column(default=0)
    """Requests that took more than one attempt."""

    metered: Mapped[int] = mapped_column(default=0)
    input_known: Mapped[int] = mapped_column(default=0)
    output_known: Mapped[int] = mapped_column(default=0)
    cache_read_known: Mapped[int] = mapped_column(default=0)
    cache_write_5m_known: Mapped[int] = mapped_column(default=0)
    cache_write_1h_known: Mapped[int] = mapped_column(default=0)
    input_tokens: Mapped[int] = mapped_column(default=0)
    output_tokens: Mapped[int] = mapped_column(default=0)
    cache_read_tokens: Mapped[int] = mapped_column(default=0)
    cache_write_5m_tokens: Mapped[int] = mapped_column(default=0)
    cache_write_1h_tokens: Mapped[int] = mapped_column(default=0)
    web_searches: Mapped[int] = mapped_column(default=0)

    priced: Mapped[int] = mapped_column(default=0)
    unpriced: Mapped[int] = mapped_column(default=0)
    """Requests with known tokens and no known cost."""
    input_cost: Mapped[int] = mapped_column(default=0)
    output_cost: Mapped[int] = mapped_column(default=0)
    cache_read_cost: Mapped[int] = mapped_column(default=0)
    cache_write_5m_cost: Mapped[int] = mapped_column(default=0)
    cache_write_1h_cost: Mapped[int] = mapped_column(default=0)
    web_search_cost: Mapped[int] = mapped_column(default=0)
    cost: Mapped[int] = mapped_column(default=0)

    timed: Mapped[int] = mapped_column(default=0)
    duration_ms: Mapped[int] = mapped_column(default=0)
    first_byte_timed: Mapped[int] = mapped_column(default=0)
    first_byte_ms: Mapped[int] = mapped_column(default=0)
    first_token_timed: Mapped[int] = mapped_column(default=0)
    first_token_ms: Mapped[int] = mapped_column(default=0)
    speed_timed: Mapped[int] = mapped_column(default=0)
    speed_milli: Mapped[int] = mapped_column(default=0)
    """Sum of tokens per 1000 s."""
    durations: Mapped[bytes | None] = mapped_column(LargeBinary)
    first_bytes: Mapped[bytes | None] = mapped_column(LargeBinary)
    first_tokens: Mapped[bytes | None] = mapped_column(LargeBinary)
    speeds: Mapped[bytes | None] = mapped_column(LargeBinary)


class ClientSession(Model):
    """One session of a client, added up over its ended requests."""

    __tablename__ = "client_sessions"
    __table_args__ = (Index("client_sessions_by_last", "last_at", "id", "cost"),)

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    first_at: Mapped[int]
    last_at: Mapped[int]
    """When its newest request began; a request that is still running does not count."""
    requests: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    metered: Mapped[int] = mapped_column(default=0)
    input_tokens: Mapped[int] = mapped_column(default=0)
    output_tokens: Mapped[int] = mapped_column(default=0)
    cache_read_tokens: Mapped[int] = mapped_column(default=0)
    cache_write_5m_tokens: Mapped[int] = mapped_column(default=0)
    cache_write_1h_tokens: Mapped[int] = mapped_column(default=0)
    priced: Mapped[int] = mapped_column(default=0)
    unpriced: Mapped[int] = mapped_column(default=0)
    cost: Mapped[int] = mapped_column(default=0)
    busy_ms: Mapped[int] = mapped_column(default=0)
    """Sum of the durations of its requests."""


class SessionPart(Model):
    """What one account, model, key or agent has of a session. `kind`: `account`, `model`, `key` or `agent`."""

    __tablename__ = "session_parts"
    __table_args__ = (Index("session_parts_by_value", "kind", "value", "last_at", "session_id"),)

    session_id: Mapped[str] = mapped_column(ForeignKey("client_sessions.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    value: Mapped[str] = mapped_column(String(200), primary_key=True)
    parent: Mapped[str | None] = mapped_column(String(200))
    """The agent that started this agent."""
    first_at: Mapped[int]
    last_at: Mapped[int]
    requests: Mapped[int] = mapped_column(default=0)
    tokens: Mapped[int] = mapped_column(default=0)
    priced: Mapped[int] = mapped_column(default=0)
    cost: Mapped[int] = mapped_column(default=0)


FACETS = ("model", "account", "key", "agent", "status", "outcome")


class Facet(Model):
    """A value that filters offer. `kind`: one of `FACETS`."""

    __tablename__ = "facets"
    __table_args__ = (Index("facets_by_last", "kind", "last_at"),)

    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    value: Mapped[str] = mapped_column(String(200), primary_key=True)
    label: Mapped[str | None] = mapped_column(String(200))
    """Name of the account when it was last seen."""
    provider: Mapped[str | None] = mapped_column(String(40))
    first_at: Mapped[int]
    last_at: Mapped[int]
    requests: Mapped[int] = mapped_column(default=0)
    unpriced: Mapped[int] = mapped_column(default=0)


class PriceOverride(Model):
    """Prices that the operator entered for a model: micro-USD per million tokens, or searches."""

    __tablename__ = "price_overrides"

    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    """In lower case."""
    input: Mapped[int | None]
    output: Mapped[int | None]
    cache_read: Mapped[int | None]
    cache_write_5m: Mapped[int | None]
    cache_write_1h: Mapped[int | None]
    web_search: Mapped[int | None]
    changed_at: Mapped[int]
    changed_by: Mapped[str | None] = mapped_column(String(120))


class Mark(Model):
    """How far a long work over the requests has come, so that it goes on there when it was interrupted."""

    __tablename__ = "marks"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    position: Mapped[int]
    changed_at: Mapped[int]
