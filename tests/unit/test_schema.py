import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask

import app as package
from app import schema
from app.db import SCHEMA_REVISION, Model, db
from app.factory import create_app
from config import Settings
from tests.databases import ENGINES
from tests.integration.server import free_port


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_migrations_make_exactly_the_tables_of_the_models(app: Flask) -> None:
    for module in pkgutil.walk_packages(package.__path__, "app."):
        importlib.import_module(module.name)
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Model.metadata)
    assert differences == []


def test_newest_migration_is_the_one_that_a_start_expects() -> None:
    config = Config(schema.MIGRATIONS / "alembic.ini")
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA_REVISION


def test_first_start_tells_of_the_migration_and_not_of_the_tool_s_parts(tmp_path: Path) -> None:
    """In a process of its own: the tool tells only when it is loaded."""
    start = "import logging; logging.basicConfig(level='INFO')\nfrom app.factory import create_app\n"
    start += f"from config import Settings\ncreate_app(Settings.load({{'CCFLARE_DATA_DIR': {str(tmp_path)!r}}}))"
    root = str(schema.MIGRATIONS.parent)
    ran = subprocess.run(
        [sys.executable, "-c", start],
        cwd=tmp_path,
        env={"PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"-> {SCHEMA_REVISION}" in ran.stderr
    assert "plugin" not in ran.stderr


def test_database_of_a_newer_version_refuses_to_start(settings: Settings) -> None:
    made = create_app(settings)
    with made.app_context():
        with db.engine.connect().execution_options(write=True) as connection, connection.begin():
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        db.engine.dispose()
    with pytest.raises(schema.SchemaError, match="revision that this version does not know"):
        create_app(settings)


def test_database_that_is_not_there_is_told_without_its_password(tmp_path: Path) -> None:
    address = f"postgresql://ann:canary@127.0.0.1:{free_port()}/ccflare?application_name=canary"
    settings = Settings.load({"CCFLARE_DATA_DIR": str(tmp_path), "DATABASE_URL": address})
    with pytest.raises(schema.SchemaError, match=r"refused[\s\S]*DATABASE_URL") as fault:
        create_app(settings)
    assert "canary" not in str(fault.value)


def test_whole_schema_can_be_taken_back(app: Flask) -> None:
    from alembic import command  # noqa: PLC0415 - beside the fixture's own use

    config = Config(schema.MIGRATIONS / "alembic.ini")
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    command.downgrade(config, "base")
    assert schema.revision() is None
