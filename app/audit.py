"""The audit log: what operators did, append-only, written in the transaction of the change itself."""

from dataclasses import dataclass

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.clock import now_ms
from app.db import Id64, Model


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
    """Append an entry. `action` is `noun.verb` (`account.pause`); `detail` holds no secret."""
    session.add(
        AuditEntry(at=now_ms(), actor=actor.name, address=actor.address, action=action, subject=subject, detail=detail)
    )
