"""Settings that people change at run time, and the installation's own sealed secrets."""

from sqlalchemy import LargeBinary, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Model, reading


class Preference(Model):
    """One setting changed at run time; the environment still wins over it."""

    __tablename__ = "preferences"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[int]
    changed_by: Mapped[str | None] = mapped_column(String(120))


class SealedSecret(Model):
    """A secret of the installation (pepper, cookie key, canary), sealed by the vault."""

    __tablename__ = "sealed_secrets"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


def stored() -> dict[str, str]:
    """Return every setting that was changed at run time. Call inside an app context."""
    with reading() as session:
        return {name: value for name, value in session.execute(select(Preference.name, Preference.value))}
