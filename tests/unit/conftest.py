"""A real application on a temporary SQLite database, for every test that needs one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app.db import db
from app.factory import create_app
from config import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of nothing but defaults, in a folder of their own."""
    return Settings.load({"CCFLARE_DATA_DIR": str(tmp_path / "instance")})


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """An application whose context is entered; `offload` runs inline."""
    made = create_app(settings)
    made.testing = True
    with made.app_context():
        yield made
        db.session.remove()
        db.engine.dispose()
