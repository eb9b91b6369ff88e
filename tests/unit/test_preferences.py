"""Settings that change at run time."""

from pathlib import Path

import pytest
from sqlalchemy import select

from app import preferences
from app.audit import Actor, AuditEntry
from app.db import beats, reading
from app.errors import Conflict, InvalidInput, NotFound
from config import Settings

ANN = Actor("ann")

pytestmark = pytest.mark.usefixtures("app")


def test_change_is_in_force_for_who_loads_next(settings: Settings) -> None:
    row = preferences.change(settings, "retry_attempts", " 5 ", ANN)
    assert (row.value, row.origin) == ("5", "stored")
    assert settings.with_stored(preferences.stored()).retry_attempts == 5
    assert preferences.change(settings, "CCFLARE_RETRY_ATTEMPTS", "4", ANN).value == "4"
    assert preferences.reset(settings, "RETRY_ATTEMPTS", ANN).origin == "default"
    assert preferences.stored() == {}


def test_change_is_audited_and_told_to_workers(settings: Settings) -> None:
    with reading() as session:
        before = beats(session)["preferences"]
    preferences.change(settings, "retry_attempts", "5", ANN)
    preferences.change(settings, "retry_attempts", "6", ANN)
    preferences.reset(settings, "retry_attempts", ANN)
    preferences.reset(settings, "retry_attempts", ANN)
    with reading() as session:
        assert beats(session)["preferences"] - before == 3
        entries = session.execute(select(AuditEntry).order_by(AuditEntry.id)).scalars().all()
    assert [(one.actor, one.action, one.subject, one.detail) for one in entries] == [
        ("ann", "setting.change", "retry_attempts", "default -> 5"),
        ("ann", "setting.change", "retry_attempts", "5 -> 6"),
        ("ann", "setting.reset", "retry_attempts", "was 6"),
    ]


@pytest.mark.parametrize("text", ["", "0", "11", "many", "5\n6"])
def test_wrong_value_is_refused_with_what_is_accepted(settings: Settings, text: str) -> None:
    with pytest.raises(InvalidInput, match="whole number from 1 to 10") as refused:
        preferences.change(settings, "RETRY_ATTEMPTS", text, ANN)
    assert list(refused.value.details) == ["retry_attempts"]


def test_setting_of_the_start_is_refused(settings: Settings) -> None:
    with pytest.raises(InvalidInput, match="Set PORT and start it again"):
        preferences.change(settings, "port", "9000", ANN)


def test_unknown_setting_brings_the_nearest_one_in_the_same_spelling(settings: Settings) -> None:
    with pytest.raises(NotFound, match="Did you mean retry_attempts"):
        preferences.change(settings, "retry_atempts", "1", ANN)
    with pytest.raises(NotFound, match="Did you mean RETRY_ATTEMPTS"):
        preferences.change(settings, "RETRY_ATEMPTS", "1", ANN)


def test_what_the_environment_fixes_cannot_change() -> None:
    fixed = Settings.load({"RETRY_ATTEMPTS": "2"})
    for refuse in (
        lambda: preferences.change(fixed, "retry_attempts", "5", ANN),
        lambda: preferences.reset(fixed, "retry_attempts", ANN),
    ):
        with pytest.raises(Conflict, match=r"fixed by the environment\. Change or remove RETRY_ATTEMPTS"):
            refuse()
    assert preferences.stored() == {}


def test_what_the_env_file_fixes_cannot_change(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("RETRY_ATTEMPTS=2\n")
    with pytest.raises(Conflict, match=r"fixed by the \.env file"):
        preferences.change(Settings.load({}, env_file=file), "retry_attempts", "5", ANN)
