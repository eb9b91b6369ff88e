"""Settings that people change at run time, and the installation's own sealed secrets."""

from collections.abc import Mapping

from sqlalchemy import LargeBinary, String, Text, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from app.audit import Actor, note
from app.clock import now_ms
from app.db import Model, beat, reading, transaction
from app.errors import Conflict, InvalidInput, NotFound
from app.names import unknown
from app.upserts import upsert
from config import SETTINGS, ConfigError, Setting, SettingRow, Settings, parse_one


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


def present(settings: Settings) -> Settings:
    """Return settings with what is stored now, which a process learns a moment later. Call inside an app context."""
    return settings.with_stored(stored())


def row_of(settings: Settings, name: str) -> SettingRow:
    """Return one setting as it is stored now, by its name or that of its variable. Raises NotFound."""
    return _shown(settings, setting_named(name))


def change(settings: Settings, name: str, text: str, actor: Actor) -> SettingRow:
    """Set a setting at run time and return it as it is then. `name`: of the setting, or of its variable.

    Raises NotFound, InvalidInput, or Conflict when the environment has the last word on it.
    """
    (row,) = change_all(settings, {name: text}, actor)
    return row


def change_all(settings: Settings, texts: Mapping[str, str], actor: Actor) -> tuple[SettingRow, ...]:
    """Set several settings at once: all of them, or none. Raises as `change` does."""
    checked = [_checked(settings, name, text.strip()) for name, text in texts.items()]
    with transaction() as session:
        for line, value in checked:
            old = session.execute(select(Preference.value).where(Preference.name == line.name)).scalar()
            row = {"name": line.name, "value": value, "changed_at": now_ms(), "changed_by": actor.name}
            upsert(session, Preference, [row], ["name"])
            note(session, actor, "setting.change", line.name, f"{'default' if old is None else old} -> {value}")
        beat(session, "preferences")
    return tuple(_shown(settings, line) for line, _ in checked)


def reset(settings: Settings, name: str, actor: Actor) -> SettingRow:
    """Give a setting its default back. Raises as `change` does."""
    line = _changeable(settings, name)
    with transaction() as session:
        gone = delete(Preference).where(Preference.name == line.name).returning(Preference.value)
        old = session.execute(gone).scalar()
        if old is not None:
            note(session, actor, "setting.reset", line.name, f"was {old}")
            beat(session, "preferences")
    return _shown(settings, line)


def setting_named(name: str) -> Setting:
    """Return the line of the table for the name of a setting or of its variable. Raises NotFound."""
    for line in SETTINGS:
        if name == line.name or name.upper() in line.env:
            return line
    raise _unknown(name)


def _unknown(name: str) -> NotFound:
    is_variable = name.isupper()
    return unknown("setting", name, [line.documented if is_variable else line.name for line in SETTINGS])


def _checked(settings: Settings, name: str, value: str) -> tuple[Setting, str]:
    line = _changeable(settings, name)
    try:
        parse_one(line.name, value)
    except ConfigError as exc:
        raise InvalidInput(str(exc), details={line.name: f"give {line.kind.expects}"}) from exc
    return line, value


def _changeable(settings: Settings, name: str) -> Setting:
    line = setting_named(name)
    if not line.runtime:
        raise InvalidInput.field(
            line.name, f"cannot change while the server runs. Set {line.documented} and start it again"
        )
    origin = settings.origin(line.name)
    if origin in ("environment", ".env"):
        place = "the environment" if origin == "environment" else "the .env file"
        raise Conflict(
            f"{line.name} is fixed by {place}. Change or remove {line.documented} there and start the server again.",
            details={line.name: f"is fixed by {place}"},
        )
    return line


def _shown(settings: Settings, line: Setting) -> SettingRow:
    return next(row for row in present(settings).rows() if row.name == line.name)
