"""The command line as a shell sees it: real processes, exit statuses, standard streams."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from config import PROJECT_ROOT
from tests.unit.canaries import CANARY

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def flask(tmp_path: Path) -> Command:
    """Run `flask ccflare ARGUMENTS` on a data folder of its own. `settings`: environment variables beside it."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
    environment["CCFLARE_DATA_DIR"] = str(tmp_path / "instance")

    def run(*arguments: str, given: str = "", **settings: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-W", "error", "-m", "flask", "ccflare", *arguments]
        return subprocess.run(
            command, cwd=PROJECT_ROOT, env=environment | settings, input=given, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip

    return run


def test_first_commands_of_an_installation(flask: Command) -> None:
    added = flask("add-account", "work", "--mode", "console", "--api-key-stdin", given=f"sk-{CANARY}\n")
    assert (added.returncode, added.stderr) == (0, "")
    made = json.loads(flask("keys", "create", "laptop", "--json").stdout)
    assert made["key"].startswith(f"ccf_{made['id']}_")
    assert flask("create-user", "ann", "--password-stdin", given="correct horse battery\n").returncode == 0
    (view,) = json.loads(flask("list", "--json").stdout)
    assert (view["name"], view["health"]["state"]) == ("work", "ok")


def test_command_imports_neither_the_doors_nor_other_commands(flask: Command) -> None:
    assert flask("list").returncode == 0  # The first start also makes the database.
    ran = flask("list", PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert "app.cli.oauth" in imported
    assert imported.isdisjoint({"app.doors", "app.api", "app.dashboard", "app.proxy", "app.cli.export", "alembic"})


def test_exit_status_tells_failure_from_wrong_usage(flask: Command) -> None:
    assert [flask(*command).returncode for command in ((), ("pause", "nobody"), ("pause",))] == [0, 1, 2]


def test_one_look_ends_by_itself_and_an_unknown_request_is_no_traceback(flask: Command) -> None:
    looked = flask("top", "--once", "--json")
    assert (looked.returncode, looked.stderr) == (0, "")
    assert json.loads(looked.stdout)["verdict"]["words"] == "No server is up."
    asked = flask("why", "req_0000000000000")
    assert (asked.returncode, asked.stdout) == (1, "")
    assert asked.stderr.startswith("Error: There is no request req_0000000000000")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"PORT": "many", "LB_STRATEGY": "best"}, ("PORT", "LB_STRATEGY"), id="all wrong settings"),
        pytest.param({"DATABASE_URL": "sqlite:////proc/none/x.db"}, ("database", "/proc/none"), id="database"),
        pytest.param({"CCFLARE_DATA_DIR": "/proc/none"}, ("/proc/none",), id="data folder"),
        pytest.param(
            {"CCFLARE_ENCRYPTION_KEYS": base64.b64encode(b"k" * 32).decode()}, ("keyring",), id="another keyring"
        ),
    ],
)
def test_start_that_cannot_be_is_explained_without_a_traceback(
    flask: Command, settings: dict[str, str], words: tuple[str, ...]
) -> None:
    if "CCFLARE_ENCRYPTION_KEYS" in settings:
        assert flask("list").returncode == 0  # The database is written with other keys.
    ran = flask("list", **settings)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("ccflare cannot start.\n")
    assert "Traceback" not in ran.stderr
    assert [word for word in words if word not in ran.stderr] == []


def test_help_needs_no_start(flask: Command) -> None:
    for words in (("--help",), ("list", "--help")):
        ran = flask(*words, PORT="many")
        assert (ran.returncode, ran.stderr) == (0, "")
        assert "Usage: " in ran.stdout


def test_start_that_cannot_be_is_told_as_json_to_programs(flask: Command) -> None:
    ran = flask("list", "--json", PORT="many")
    assert (ran.returncode, ran.stdout) == (1, "")
    told = json.loads(ran.stderr)
    assert told["details"] == {}
    assert "PORT (environment): 'many' is not accepted" in told["error"]


def test_reader_that_leaves_early_causes_no_noise(flask: Command, tmp_path: Path) -> None:
    log = tmp_path / "instance" / "logs" / "ccflare.log"
    log.parent.mkdir(parents=True)
    log.write_text("a line of a log\n" * 50_000)
    environment = os.environ | {"CCFLARE_DATA_DIR": str(tmp_path / "instance")}
    command = [sys.executable, "-m", "flask", "ccflare", "logs", "50000", "--no-follow"]
    with subprocess.Popen(
        command, cwd=PROJECT_ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
