"""The command that shows ccflare at work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run


@pytest.mark.parametrize("options", [(), ("--once",)], ids=["until it is stopped", "once"])
def test_demo_takes_the_place_of_the_command(
    run: Run, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    started: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(os, "execv", lambda path, arguments: started.append((path, arguments)))
    assert run("demo", *options).status == 0
    ((path, (interpreter, script, *rest)),) = started
    assert path == interpreter == sys.executable
    assert (Path(script).name, rest) == ("demo.py", list(options))
    told = subprocess.run([path, script, "--help"], check=True, capture_output=True, text=True, timeout=60)
    assert all(option in told.stdout for option in ("--once", "without any account"))
