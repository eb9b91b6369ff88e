"""The demo talks to its own server only."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.integration.server import ROOT, free_port


def demo(folder: Path, port: int) -> "subprocess.CompletedProcess[str]":
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env |= {"PORT": str(port), "CCFLARE_DATA_DIR": str(folder)}
    line = [sys.executable, str(ROOT / "scripts" / "demo.py"), "--once"]
    return subprocess.run(line, env=env, capture_output=True, text=True, check=False, timeout=120)


def test_demo_runs_to_its_end_on_a_server_of_its_own(tmp_path: Path) -> None:
    ran = demo(tmp_path, free_port())
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "demo-beta" in ran.stdout


def test_demo_leaves_a_port_alone_on_which_another_server_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ran = demo(tmp_path, other.getsockname()[1])
        other.setblocking(False)
        try:
            other.accept()
            was_asked = True
        except BlockingIOError:
            was_asked = False
    assert (ran.returncode, ran.stdout, was_asked) == (1, "", False)
    assert "another port: PORT=" in ran.stderr
    assert list(tmp_path.iterdir()) == []
