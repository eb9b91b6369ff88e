"""The start of a process."""

import subprocess
import sys
from pathlib import Path

import pytest

from app import starting
from app.schema import DatabaseUnusable, SchemaError
from app.starting import explained, is_command
from app.vault import VaultError
from config import ConfigError


@pytest.mark.parametrize(
    "fault",
    [
        ConfigError(["PORT: no.", "HOST: no."]),
        VaultError("wrong key"),
        SchemaError("unknown revision"),
        PermissionError(13, "Permission denied", "/data"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_fault_is_told_without_a_traceback(fault: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, explained():
        raise fault
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"ccflare cannot start.\n{fault}\n"


def test_missing_driver_names_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), explained():
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")
    assert "make postgres" in capsys.readouterr().err


def test_under_gunicorn_the_server_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gunicorn.arbiter", sys)
    with pytest.raises(SystemExit) as ended, explained():
        raise VaultError("wrong key")
    assert ended.value.code == 4


def test_database_that_is_away_ends_only_a_worker_that_replaces_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gunicorn.arbiter", sys)
    monkeypatch.setattr(starting, "_AGAIN_AFTER_S", 0)
    monkeypatch.setattr(starting._Start, "is_replacement", False)
    codes = []
    for fault in (DatabaseUnusable("away"), None, DatabaseUnusable("away"), VaultError("wrong key")):
        if fault is None:
            starting.note_replacement()
            continue
        with pytest.raises(SystemExit) as ended, explained():
            raise fault
        codes.append(ended.value.code)
    assert codes == [4, 1, 4]


@pytest.mark.parametrize("fault", [ZeroDivisionError(), ModuleNotFoundError(name="app.nothing")])
def test_fault_of_the_program_keeps_its_traceback(fault: Exception) -> None:
    with pytest.raises(type(fault)), explained():
        raise fault


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["flask", "ccflare", "list"], True),
        (["flask", "run"], False),
        (["gunicorn", "-k", "gevent", "wsgi:app"], False),
        (["flask", "--app", "wsgi", "ccflare"], False),
        (["flask"], False),
    ],
)
def test_only_a_command_of_ours_is_one(monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: bool) -> None:
    monkeypatch.setattr(sys, "argv", arguments)
    assert is_command() == expected


def test_sqlite_loads_nothing_of_postgresql(tmp_path: Path) -> None:
    """In processes of its own; the first one migrates, for either database."""
    start = "import sys, wsgi; print('sqlalchemy.dialects.postgresql' in sys.modules)"
    env = {"CCFLARE_DATA_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    said = [
        subprocess.run([sys.executable, "-c", start], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert said[1].stdout == "False\n"
