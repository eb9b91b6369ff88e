"""Who is measured: starts and stops nginx, the bare pass-through and ccflare, all before one upstream."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from bench import tree

ROOT = Path(__file__).resolve().parent.parent
_GUNICORN = [sys.executable, "-m", "gunicorn", "-k", "gevent"]
_NGINX_CONF = """
daemon off; worker_processes 1; pid {home}/nginx.pid; error_log {home}/error.log warn; {user}
events {{ worker_connections 8192; }}
http {{
  access_log off; client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/f;
  uwsgi_temp_path {home}/u; scgi_temp_path {home}/s; client_body_buffer_size 256k; keepalive_requests 1000000;
  upstream bench {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    location = /health/ready {{ return 200 ok; }}
    location / {{
      proxy_pass http://bench; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_request_buffering off; proxy_read_timeout 600s;
    }}
  }}
}}
"""


class Unavailable(Exception):
    """A subject cannot be measured here; the message says why."""


@dataclass(slots=True)
class Subject:
    """One server under measurement.

    `settle_s`: how long its own work goes on after the last answer; that work is counted as its CPU.
    """

    name: str
    command: list[str]
    port: int
    home: Path
    env: dict[str, str] = field(default_factory=dict)
    settle_s: float = 0.1
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Root of the process tree."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> float:
        """Start it; return the milliseconds from the start of the process until `/health/ready` answers 200."""
        log = (self.home / "log.txt").open("ab")
        began = time.monotonic()
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, env=environment() | self.env, stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        while not _is_ready(self.port):
            if self.process.poll() is not None or time.monotonic() - began > 30:
                self.stop()
                raise Unavailable(f"{self.name} did not start:\n{self.log_tail()}")
            time.sleep(0.005)
        return (time.monotonic() - began) * 1000

    def stop(self) -> None:
        """End it and wait; what is still there after some seconds is killed."""
        if self.process is None:
            return
        pids = tree.members(self.process.pid)
        # SIGINT and not SIGTERM: gunicorn would wait for streams that may be open.
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            for pid in pids:
                _kill(pid)
            self.process.wait(5)
        self.process = None

    def log_tail(self) -> str:
        """Return the last lines it wrote."""
        return "\n".join((self.home / "log.txt").read_text(errors="replace").splitlines()[-15:])


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def nginx(home: Path, upstream: int) -> Subject:
    """Prepare nginx as an unbuffered reverse proxy."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not program:
        raise Unavailable("nginx is not installed (apt install nginx-light)")
    home.mkdir(parents=True)
    port, conf = free_port(), home / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    conf.write_text(_NGINX_CONF.format(home=home, upstream=upstream, port=port, user=user))
    command = [program, "-p", str(home), "-c", str(conf), "-e", str(home / "error.log")]
    return Subject("nginx", command, port, home)


def bare(home: Path, upstream: int) -> Subject:
    """Prepare the bare Flask pass-through."""
    home.mkdir(parents=True)
    port = free_port()
    options = ["-w", "1", "-b", f"127.0.0.1:{port}", "--worker-connections", "4096", "--keep-alive", "75"]
    options += ["--no-control-socket", "-c", "/dev/null", "--log-level", "warning"]
    env = {"BENCH_UPSTREAM": f"http://127.0.0.1:{upstream}"}
    return Subject("bare", [*_GUNICORN, *options, "bench.bare:app"], port, home, env)


def ccflare(home: Path, upstream: int, app: str = "wsgi:app", fresh: bool = False) -> Subject:
    """Prepare ccflare with a data directory of its own and one console account; `fresh`: leave the database unmade."""
    if not (ROOT / "wsgi.py").exists():
        raise Unavailable("wsgi.py is not there")
    home.mkdir(parents=True)
    port = free_port()
    env = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
        "CCFLARE_DATA_DIR": str(home / "data"),
        "CCFLARE_ANTHROPIC_BASE_URL": f"http://127.0.0.1:{upstream}",
    }
    if not fresh:
        _add_account(env)
    return Subject("ccflare", [*_GUNICORN, "-b", f"127.0.0.1:{port}", app], port, home, env, settle_s=0.6)


BUILDERS = {"nginx": nginx, "bare": bare, "ccflare": ccflare}


def _add_account(env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask", "ccflare", "add-account", "bench", "--mode", "console", "--api-key-stdin"],
        cwd=ROOT,
        env=environment() | env,
        input=b"sk-ant-api03-bench\n",
        capture_output=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace")
        raise Unavailable(f"ccflare add-account failed:\n{said[-1500:]}")


def environment() -> dict[str, str]:
    """Return our environment without anything that steers a subject."""
    ours = ("CCFLARE_", "DATABASE_URL", "GUNICORN_", "FLASK_", "WEB_CONCURRENCY", "HOST", "PORT", "LB_STRATEGY")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(ours) and not name.lower().endswith("_proxy")
    }


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
