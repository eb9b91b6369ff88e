"""Tables of the accounts room: accounts, their windows with history, model cool-downs, session pins."""

from sqlalchemy import ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Id64, Model


class Account(Model):
    """One way to an upstream: a credential with its routing state."""

    __tablename__ = "accounts"
    __table_args__ = {"sqlite_autoincrement": True}
    """An id is never given twice: history, and what workers remember, would pass to another account."""

    id: Mapped[int] = mapped_column(Id64, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    provider: Mapped[str] = mapped_column(String(40))
    priority: Mapped[int] = mapped_column(default=0)
    endpoint: Mapped[str | None] = mapped_column(Text)
    model_mappings: Mapped[str | None] = mapped_column(Text)
    """JSON object: model or family -> list of target models."""
    created_at: Mapped[int]

    api_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    access_token: Mapped[bytes | None] = mapped_column(LargeBinary)
    refresh_token: Mapped[bytes | None] = mapped_column(LargeBinary)
    expires_at: Mapped[int | None]
    secret_generation: Mapped[int] = mapped_column(default=0)
    """Grows with every change of a secret; a lease holder writes only over the generation that it read."""
    scopes: Mapped[str | None] = mapped_column(Text)
    organization: Mapped[str | None] = mapped_column(Text)
    refreshed_at: Mapped[int | None]

    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[int | None]
    refresh_failures: Mapped[int] = mapped_column(default=0)
    refresh_retry_at: Mapped[int | None]
    refresh_error: Mapped[str | None] = mapped_column(Text)

    paused_at: Mapped[int | None]
    paused_by: Mapped[str | None] = mapped_column(String(120))
    pause_reason: Mapped[str | None] = mapped_column(Text)
    needs_reauth_at: Mapped[int | None]

    cooldown_until: Mapped[int | None]
    cooldown_reason: Mapped[str | None] = mapped_column(String(40))
    cooldown_at: Mapped[int | None]
    streak_reason: Mapped[str | None] = mapped_column(String(40))
    streak: Mapped[int] = mapped_column(default=0)
    streak_at: Mapped[int | None]

    session_start: Mapped[int | None]
    session_reset_at: Mapped[int | None]
    overage_allowed: Mapped[bool | None]
    auto_refresh: Mapped[bool] = mapped_column(default=False)

    request_count: Mapped[int] = mapped_column(default=0)
    last_used_at: Mapped[int | None]


class PendingLogin(Model):
    """An OAuth log-in that was begun and waits for its code; it is used once, within minutes."""

    __tablename__ = "pending_logins"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    mode: Mapped[str] = mapped_column(String(40))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    """The account that logs in again; None for a new one."""
    priority: Mapped[int] = mapped_column(default=0)
    endpoint: Mapped[str | None] = mapped_column(Text)
    model_mappings: Mapped[str | None] = mapped_column(Text)
    secrets: Mapped[bytes] = mapped_column(LargeBinary)
    """Sealed: the PKCE verifier and the state."""
    browser: Mapped[bytes | None] = mapped_column(LargeBinary)
    """SHA-256 of what the browser that began holds; None when it was begun elsewhere."""
    created_at: Mapped[int]
    expires_at: Mapped[int]
    used_at: Mapped[int | None]


class AccountWindow(Model):
    """The newest value of one rate-limit window of one account."""

    __tablename__ = "account_windows"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    utilization: Mapped[float | None]
    reset_at: Mapped[int | None]
    status: Mapped[str | None] = mapped_column(String(40))
    seen_at: Mapped[int]
    source: Mapped[str] = mapped_column(String(10))


class ModelCooldown(Model):
    """One model family of one account that is exhausted while the account itself goes on."""

    __tablename__ = "model_cooldowns"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    family: Mapped[str] = mapped_column(String(120), primary_key=True)
    until: Mapped[int]
    reason: Mapped[str] = mapped_column(String(40))


class SessionPin(Model):
    """Where a client session stays under `session-affinity`."""

    __tablename__ = "session_pins"

    session_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    used_at: Mapped[int] = mapped_column(index=True)


class WindowSample(Model):
    """One observation of a window, kept for plots and forecasts."""

    __tablename__ = "window_samples"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[int] = mapped_column(primary_key=True)
    utilization: Mapped[float | None]
    reset_at: Mapped[int | None]
    source: Mapped[str] = mapped_column(String(10))


class WindowEvent(Model):
    """A window whose reset passed: one row, however many workers and polls saw it."""

    __tablename__ = "window_events"
    __table_args__ = (UniqueConstraint("account_id", "kind", "reset_at"),)

    id: Mapped[int] = mapped_column(Id64, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(40))
    reset_at: Mapped[int]
    noticed_at: Mapped[int] = mapped_column(index=True)
    utilization: Mapped[float | None]
    """How full the window was when it was last seen before the reset."""


class AccountTurn(Model):
    """When a background job last did something for one account, how it went, and when that account's turn is next."""

    __tablename__ = "account_turns"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    job: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[int]
    next_at: Mapped[int]
    is_asked_to_wait: Mapped[bool] = mapped_column(default=False)
    """The upstream named the time until `next_at`; nobody asks earlier, not even when a person wants it."""
    failures: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
