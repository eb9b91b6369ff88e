"""The composition of an application."""

from pathlib import Path

import pytest
from flask import Flask

from app.db import db
from app.errors import StartFault
from app.factory import create_app
from app.installation import place
from app.runtime import runtime
from app.vault import VaultError, add_key
from config import Settings


def test_server_has_every_door(app: Flask) -> None:
    assert {"proxy", "health", "api", "metrics", "entrance", "dashboard"} <= set(app.blueprints)


def test_command_opens_no_door(settings: Settings) -> None:
    made = create_app(settings, with_doors=False)
    try:
        assert (list(made.url_map.iter_rules()), made.blueprints) == ([], {})
        ran = made.test_cli_runner().invoke(args=["ccflare", "list", "--json"])
        assert (ran.exit_code, ran.stdout) == (0, "[]\n")
    finally:
        with made.app_context():
            db.engine.dispose()


def test_refused_start_makes_no_key_file(app: Flask, settings: Settings) -> None:
    """It would not open the database, and stand in the way of the right one."""
    file = settings.data_dir / "encryption.keys"
    file.unlink()
    with pytest.raises(VaultError, match="no key file"):
        create_app(settings)
    assert not file.exists()


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StartFault, match=r"data folder .*/taken cannot be made: File exists\. Correct"):
        create_app(Settings.load({"CCFLARE_DATA_DIR": str(tmp_path / "taken")}))


def test_named_key_file_is_followed(app: Flask, settings: Settings, tmp_path: Path) -> None:
    named = tmp_path / "keys"
    (settings.data_dir / "encryption.keys").rename(named)
    environment = {"CCFLARE_DATA_DIR": str(settings.data_dir), "CCFLARE_ENCRYPTION_KEYS_FILE": str(named)}
    made = create_app(Settings.load(environment))
    with made.app_context():
        vault = runtime().vault
        before = vault.current
        add_key(named)
        assert vault.look()
        assert vault.current != before
        assert vault.open(vault.seal(b"x", place("x")), place("x")) == b"x"
        db.engine.dispose()
