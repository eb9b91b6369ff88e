"""A real application on a database of its own, for every test that needs one.

A module whose claims hold on every kind of database has `engine` ask for all of them.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from types import CodeType

import pytest
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import URL

from app.db import db
from app.factory import create_app
from app.gate import assets
from app.server import Ccflare
from config import Settings
from tests.databases import Postgres, Refilled, postgres
from tests.fakes.upstream import Upstream


class Compiled(BytecodeCache):
    """The templates that an earlier application of this process has compiled."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._known.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key, bucket.checksum] = bucket.code


@pytest.fixture(scope="session")
def running_upstream() -> Iterator[Upstream]:
    with Upstream() as up:
        yield up


@pytest.fixture
def up(running_upstream: Upstream) -> Upstream:
    running_upstream.reset()
    return running_upstream


@pytest.fixture(scope="session", autouse=True)
def _read_and_compile_once() -> Iterator[None]:
    """Let the applications of a session share what a process does once: compile templates, compress what it serves."""
    read = assets.read
    known = lru_cache(lambda path, _changed_at: read(path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ccflare, "jinja_options", {"bytecode_cache": Compiled()})
        patch.setattr(assets, "read", lambda path: known(path, path.stat().st_mtime_ns))
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with postgres() as server:
        if server is None:
            pytest.skip("no PostgreSQL is installed, and CCFLARE_TEST_POSTGRES_URL names no server")
        yield server


@pytest.fixture(scope="session")
def sqlite_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as the first start leaves it."""
    folder = tmp_path_factory.mktemp("sqlite") / "data"
    _start({"CCFLARE_DATA_DIR": str(folder)})
    return folder


@pytest.fixture(scope="session")
def postgresql_start(
    postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Callable[[], URL]]]:
    """A data folder as the first start leaves it, and what gives a database that is as the first start leaves it."""
    folder = tmp_path_factory.mktemp("postgresql") / "data"
    with postgres_server.database() as first, ExitStack() as stack:
        _start({"CCFLARE_DATA_DIR": str(folder), "DATABASE_URL": first.render_as_string(hide_password=False)})
        reused: list[Refilled] = []

        def take() -> URL:
            address = reused[-1].take() if reused else None
            if address is None:  # None yet, or a test has changed its tables.
                address = stack.enter_context(postgres_server.database(like=str(first.database)))
                reused.append(Refilled(address))
            return address

        yield folder, take


@pytest.fixture
def engine() -> str:
    """The kind of database."""
    return "sqlite"


@pytest.fixture
def environment(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What tells an application where its folder and its database are: copies of what a first start leaves, for most of
    a first start is making tables."""
    folder = tmp_path / "instance"
    first = request.getfixturevalue(f"{engine}_start")
    if engine == "sqlite":
        shutil.copytree(first, folder)
        yield {"CCFLARE_DATA_DIR": str(folder)}
        return
    first_folder, take = first
    shutil.copytree(first_folder, folder)
    yield {"CCFLARE_DATA_DIR": str(folder), "DATABASE_URL": take().render_as_string(hide_password=False)}


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    """Settings of nothing but defaults."""
    return Settings.load(environment)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """An application whose context is entered; `offload` runs inline."""
    made = create_app(settings)
    made.testing = True
    with made.app_context():
        yield made
        db.session.remove()
        db.engine.dispose()


def _start(environment: dict[str, str]) -> None:
    with create_app(Settings.load(environment)).app_context():
        db.engine.dispose()
