"""The harness itself, tried on a small stand-in application."""

import signal
from pathlib import Path

import pytest

from tests.integration.server import Server, eventually

WSGI = """
import os
def app(environ, start_response):
    ready = environ["PATH_INFO"] != "/health/ready" or os.environ.get("NEVER_READY") is None
    start_response("200 OK" if ready else "503 Busy", [("Content-Type", "text/plain")])
    return [f"{environ['PATH_INFO']} {os.environ['CCFLARE_DATA_DIR']}".encode()]
"""
CONF = """
import os
import signal
bind = f"{os.environ['HOST']}:{os.environ['PORT']}"
workers = int(os.environ["WEB_CONCURRENCY"])
control_socket_disable = True

def post_fork(server, worker):
    # Until the worker has its own handlers it would swallow a SIGTERM with the master's.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "wsgi.py").write_text(WSGI)
    (tmp_path / "gunicorn.conf.py").write_text(CONF)
    return tmp_path


def test_server_is_ready_with_its_workers_and_its_own_folder(root: Path, tmp_path: Path) -> None:
    with Server(tmp_path / "s", root=root, workers=2) as server:
        status, body = server.get("/where")
        assert (status, body.decode()) == (200, f"/where {tmp_path}/s/data")
        eventually(lambda: len(set(server.worker_pids())) == 2)
        assert "Listening at" in server.log()


def test_killed_worker_is_replaced(root: Path, tmp_path: Path) -> None:
    with Server(tmp_path / "s", root=root, workers=1) as server:
        (old,) = server.worker_pids()
        server.signal(signal.SIGKILL, old)
        assert eventually(lambda: old not in server.worker_pids() and server.worker_pids())


def test_server_that_cannot_start_shows_its_log(root: Path, tmp_path: Path) -> None:
    (root / "wsgi.py").write_text("raise RuntimeError('no luck today')")
    with pytest.raises(RuntimeError, match="no luck today"):
        Server(tmp_path / "s", root=root).start()


def test_server_that_is_never_ready_is_stopped(root: Path, tmp_path: Path) -> None:
    server = Server(tmp_path / "s", root=root, NEVER_READY="1")
    with pytest.raises(TimeoutError, match="not ready"):
        server.start(timeout_s=1.5)
    with pytest.raises(AssertionError):
        assert server.pid
