"""The records' tests run on SQLite, and also on PostgreSQL where CCFLARE_TEST_POSTGRES_URL names a server."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import Settings
from tests.databases import ENGINES, database_url

_ENGINES = ENGINES if os.environ.get("CCFLARE_TEST_POSTGRES_URL") else ENGINES[:1]


@pytest.fixture(params=_ENGINES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings of nothing but defaults, in a folder and a database of their own."""
    folder = tmp_path / "instance"
    folder.mkdir()
    with database_url(request.param, folder) as url:
        yield Settings.load({"CCFLARE_DATA_DIR": str(folder), "DATABASE_URL": url})
