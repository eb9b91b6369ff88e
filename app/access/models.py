"""Tables of the access room: client keys, users, server-side sessions, log-in attempts."""

from sqlalchemy import ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Id64, Model


class ClientKey(Model):
    """A key of ours, `ccf_<id>_<random>`: only its id and a keyed hash are kept."""

    __tablename__ = "client_keys"

    id: Mapped[str] = mapped_column(String(8), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """HMAC-SHA256 of the whole key under the installation's pepper."""
    role: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[int]
    created_by: Mapped[str | None] = mapped_column(String(120))
    expires_at: Mapped[int | None]
    revoked_at: Mapped[int | None]
    last_used_at: Mapped[int | None]
    models: Mapped[str | None] = mapped_column(Text)
    """JSON list of models or families that the key may ask for; NULL: all."""
    budget_micro_usd: Mapped[int | None]
    """Spending limit per calendar month (UTC); NULL: none."""
    requests_per_minute: Mapped[int | None]


class KeyMinute(Model):
    """How many requests of a key with a rate limit all workers admitted within one minute of the epoch."""

    __tablename__ = "key_minutes"

    key_id: Mapped[str] = mapped_column(String(8), primary_key=True)
    minute: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    requests: Mapped[int]


class User(Model):
    """A person who may log in to the dashboard."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(Id64, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    password: Mapped[str] = mapped_column(Text)
    """Argon2id PHC string."""
    role: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[int]
    password_changed_at: Mapped[int]
    disabled_at: Mapped[int | None]
    last_login_at: Mapped[int | None]


class UserSession(Model):
    """One log-in of one browser."""

    __tablename__ = "user_sessions"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """SHA-256 of the random value in the cookie."""
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[int]
    seen_at: Mapped[int]
    address: Mapped[str | None] = mapped_column(String(64))
    agent: Mapped[str | None] = mapped_column(String(300))


class LoginAttempt(Model):
    """Failed log-ins by name and by address, for throttling."""

    __tablename__ = "login_attempts"

    id: Mapped[int] = mapped_column(Id64, primary_key=True)
    subject: Mapped[str] = mapped_column(String(200), index=True)
    at: Mapped[int]
