"""The audit log: what operators did, append-only, written in the transaction of the change itself."""

from dataclasses import dataclass

from sqlalchemy import String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.clock import now_ms
from app.db import Id64, Model, reading

NOUNS = {
    "account": "accounts",
    "database": "the database",
    "history": "the history",
    "key": "keys",
    "keyring": "the keyring",
    "payload": "stored bodies",
    "price": "prices",
    "session": "log-ins",
    "setting": "settings",
    "stats": "the sums",
    "user": "users",
}
"""What actions concern, and how people call it."""


class AuditEntry(Model):
    """One action of one operator."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(Id64, primary_key=True)
    at: Mapped[int] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(120))
    address: Mapped[str | None] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str | None] = mapped_column(String(200))
    detail: Mapped[str | None] = mapped_column(Text)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user's name, `key:<name>`, `cli:<system user>` or `system`, and from which address."""

    name: str
    address: str | None = None


SYSTEM = Actor("system")


def note(session: Session, actor: Actor, action: str, subject: str | None = None, detail: str | None = None) -> None:
    """Append an entry. `action` is `noun.verb` (`account.pause`), the noun one of `NOUNS`; `detail` holds no secret."""
    session.add(
        AuditEntry(at=now_ms(), actor=actor.name, address=actor.address, action=action, subject=subject, detail=detail)
    )


def was_noted(actor: Actor, action: str, subject: str, since: int) -> bool:
    """Whether somebody of that name did that since a time. Call inside an app context."""
    found = select(AuditEntry.id).where(
        AuditEntry.at >= since,
        AuditEntry.actor == actor.name,
        AuditEntry.action == action,
        AuditEntry.subject == subject,
    )
    with reading() as session:
        return session.execute(found.limit(1)).scalar() is not None


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry as people see it."""

    id: int
    at: int
    actor: str
    address: str | None
    action: str
    subject: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are wanted. Empty texts want all; `action` is a whole action or its noun (`account`)."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    before: int | None = None
    """Only entries older than the one with this id."""


def entries(wanted: EntryFilter, limit: int) -> tuple[EntryView, ...]:
    """Return entries, the newest first. Call inside an app context."""
    statement = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if wanted.before is not None:
        statement = statement.where(AuditEntry.id < wanted.before)
    if wanted.actor:
        statement = statement.where(AuditEntry.actor == wanted.actor)
    if wanted.subject:
        statement = statement.where(AuditEntry.subject == wanted.subject)
    if wanted.action:
        is_noun = "." not in wanted.action
        statement = statement.where(
            AuditEntry.action.startswith(f"{wanted.action}.", autoescape=True)
            if is_noun
            else AuditEntry.action == wanted.action
        )
    with reading() as session:
        return tuple(
            EntryView(row.id, row.at, row.actor, row.address, row.action, row.subject, row.detail)
            for row in session.execute(statement).scalars()
        )
