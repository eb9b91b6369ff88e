"""Tables of the usage room: requests, their attempts and payloads, and how far each journal is read."""

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Id64, Model


class Request(Model):
    """One request of a client. `outcome` NULL: it is still running. The id sorts by start time."""

    __tablename__ = "requests"

    id: Mapped[int] = mapped_column(Id64, primary_key=True, autoincrement=False)
    started_at: Mapped[int] = mapped_column(index=True)
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
    stream: Mapped[bool] = mapped_column(default=False)
    account_id: Mapped[int | None]
    account_name: Mapped[str | None] = mapped_column(String(100))
    provider: Mapped[str | None] = mapped_column(String(40))
    strategy: Mapped[str | None] = mapped_column(String(40))
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
    """The worker that runs it, until the end is recorded."""

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
        Index("requests_by_session", "session_id", "id"),
        Index("requests_by_key", "key_id", "id"),
        Index("requests_by_model", "model", "id"),
        Index("requests_by_outcome", "outcome", "id"),
        Index("requests_by_status", "status", "id"),
    )


class Attempt(Model):
    """One try of one request at one account."""

    __tablename__ = "attempts"

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
