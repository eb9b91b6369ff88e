"""The command that changes the encryption key."""

from pathlib import Path

import pytest
from flask import Flask

from app import rotation
from app.runtime import runtime
from tests.unit.canaries import CANARY
from tests.unit.cli.conftest import Run


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "_SETTLE_S", 0.0)


def key_file() -> Path:
    file = runtime().vault.file
    assert file is not None
    return file


def test_key_is_changed_and_the_old_one_removed_afterwards(run: Run, app: Flask) -> None:
    run("add-account", "work", "--mode", "console", "--api-key-stdin", given=f"sk-{CANARY}")
    before = key_file().read_text().split()
    ran = run("rotate-key")
    assert ran.status == 0
    assert "1 in accounts" in ran.out
    assert "--retire" in ran.out
    new, *old = key_file().read_text().split()
    assert old == before
    assert run("rotate-key", "--retire").out == f"1 old key removed from {key_file()}.\n"
    assert key_file().read_text().split() == [new]
    assert run("list", "--json").json[0]["health"]["state"] == "ok"
    assert not {new, *before, CANARY} & set((ran.out + ran.err).split())


def test_result_is_json_for_programs(run: Run) -> None:
    done = run("rotate-key", "--json").json
    assert (done["added_key"], done["broken"], done["resealed"]["sealed_secrets"]) == (True, [], 3)


def test_key_file_that_cannot_be_written_is_one_clear_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from app import vault  # noqa: PLC0415 - to reach its `os`

    def refuse(*_args: object, **_more: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(vault, "_write", refuse)
    ran = run("rotate-key")
    assert ran.status == 1
    assert "openssl rand" in ran.err
