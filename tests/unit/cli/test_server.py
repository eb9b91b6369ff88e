"""Commands on the server."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.logs import log_path
from app.runtime import runtime
from config import PROJECT_ROOT
from tests.unit.cli.conftest import Run


class _Replaced(Exception):
    """The process would have become another program."""


@pytest.fixture
def execs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    seen: list[tuple[object, ...]] = []

    def execv(program: str, arguments: tuple[str, ...]) -> None:
        seen.append((program, arguments, Path.cwd(), os.environ.get("CCFLARE_HOST"), os.environ.get("CCFLARE_PORT")))
        raise _Replaced

    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.chdir("/")
    for name in ("CCFLARE_HOST", "CCFLARE_PORT"):
        monkeypatch.setenv(name, "before")
    return seen


def test_serve_becomes_a_fresh_gunicorn_in_the_project(run: Run, execs: list[tuple[object, ...]]) -> None:
    with pytest.raises(_Replaced):
        run("serve", "--host", "::1", "--port", "9001")
    arguments = (sys.executable, "-m", "gunicorn", "-k", "gevent", "wsgi:app")
    assert execs == [(sys.executable, arguments, PROJECT_ROOT, "::1", "9001")]


def test_serve_leaves_the_environment_alone_unless_told(run: Run, execs: list[tuple[object, ...]]) -> None:
    with pytest.raises(_Replaced):
        run("serve")
    assert execs[0][3:] == ("before", "before")


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_serve_refuses_what_is_no_port(run: Run, execs: list[tuple[object, ...]], port: str) -> None:
    assert run("serve", "--port", port).status == 2
    assert execs == []


@pytest.fixture
def log(app: object) -> Path:
    path = log_path(runtime().settings)
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"line {number}\n" for number in range(1, 301)))
    return path


def test_last_lines_are_printed(run: Run, log: Path) -> None:
    assert run("logs", "2", "--no-follow").out == "line 299\nline 300\n"
    assert run("logs", "0", "--no-follow").out == ""
    assert len(run("logs", "--no-follow").out.splitlines()) == 100


def test_lines_are_json_objects_where_json_was_asked_for(run: Run, log: Path) -> None:
    log.write_text(
        'text "line"\n{"level": "info"}\n2027-01-15T08:00:00.000Z WARNING app.pool [req_1] account work rests\n'
    )
    lines = [json.loads(line) for line in run("logs", "9", "--no-follow", "--json").out.splitlines()]
    assert lines == [
        {"at": None, "level": None, "logger": None, "message": 'text "line"'},
        {"level": "info"},
        {
            "at": "2027-01-15T08:00:00.000Z",
            "level": "warn",
            "logger": "app.pool",
            "message": "account work rests",
            "request_id": "req_1",
        },
    ]


def test_following_goes_on_until_it_is_interrupted(run: Run, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def follow(path: Path, last: int) -> Iterator[str]:
        assert (path, last) == (log, 1)
        yield "line 300"
        yield "line 301"
        raise KeyboardInterrupt

    monkeypatch.setattr("app.cli.server.follow", follow)
    ran = run("logs", "1")
    assert (ran.status, ran.out) == (0, "line 300\nline 301\n")


def test_log_that_is_not_there_yet_is_no_failure(run: Run) -> None:
    ran = run("logs", "5", "--no-follow")
    assert (ran.status, ran.out) == (0, "")
    assert "no log yet" in ran.err


@pytest.mark.parametrize("count", ["-1", "many"])
def test_number_of_lines_is_a_number(run: Run, count: str) -> None:
    assert run("logs", count, "--no-follow").status == 2
