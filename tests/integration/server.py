"""The real server under test: gunicorn with gevent workers, its own data folder, the command line beside it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from tests.fakes.raw import RawClient
from tests.fakes.upstream import Upstream

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")


class Ran(NamedTuple):
    """What one call of the command line came to."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """Return the output as JSON."""
        return json.loads(self.stdout)


class Server:
    """One gunicorn with its workers; a context manager.

    Of the caller's environment only PATH and the like reach it.
    """

    def __init__(
        self,
        folder: Path,
        upstream: Upstream | None = None,
        *,
        workers: int = 2,
        root: Path = ROOT,
        **settings: str,
    ) -> None:
        self.folder = folder
        self.root = root
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_file = folder / "server.log"
        self.env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self.env |= {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "WEB_CONCURRENCY": str(workers),
            "CCFLARE_DATA_DIR": str(folder / "data"),
            "CCFLARE_DRAIN_S": "10",
            "RETRY_DELAY_MS": "20",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(root),
        }
        if upstream is not None:
            self.env |= addresses_of(upstream)
        self.env |= settings
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        left = self.stop()
        if error is None and not left:
            raise AssertionError(f"the server had to be killed\n{self.log()[-4000:]}")

    def start(self, *, timeout_s: float = 60) -> Self:
        """Start gunicorn and wait until /health/ready answers 200."""
        self.launch()
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self._running().poll() is not None:
                raise RuntimeError(f"the server left with {self._running().returncode}\n{self.log()[-6000:]}")
            if self.is_ready():
                return self
            time.sleep(0.05)
        self.stop(timeout_s=1)
        raise TimeoutError(f"the server was not ready within {timeout_s} s\n{self.log()[-6000:]}")

    def launch(self) -> None:
        """Start gunicorn without waiting."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "wsgi:app"]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.root,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self, *, timeout_s: float = 30) -> bool:
        """Send SIGTERM and wait; return whether it left by itself. SIGKILL for the whole group is the last resort."""
        if self._process is None:
            return True
        process, self._process = self._process, None
        process.terminate()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return False
        return True

    def signal(self, number: signal.Signals, pid: int | None = None) -> None:
        """Send a signal to the master, or to one worker."""
        os.kill(self.pid if pid is None else pid, number)

    @property
    def pid(self) -> int:
        """The master's process id."""
        return self._running().pid

    def worker_pids(self) -> list[int]:
        """Return the process ids of the workers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def wait(self, timeout_s: float = 30) -> int:
        """Wait for the master to leave, and return its exit code."""
        return self._running().wait(timeout_s)

    def is_ready(self) -> bool:
        """Whether /health/ready answers 200 now."""
        try:
            return self.get("/health/ready")[0] == 200
        except OSError:
            return False

    def get(self, target: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Return status and body of a GET."""
        return self.call("GET", target, None, headers)

    def call(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Return status and body of one request on a connection of its own."""
        line = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            line.request(method, target, body, dict(headers or {}))
            answer = line.getresponse()
            return answer.status, answer.read()
        finally:
            line.close()

    def raw(self, *, timeout_s: float = 15) -> RawClient:
        """Return a bare connection, for half requests, half reads and resets."""
        return RawClient(self.url, timeout_s=timeout_s)

    def cli(self, *arguments: str, input: str | None = None, timeout_s: float = 60) -> Ran:  # noqa: A002
        """Run `flask ccflare ...` with the server's own environment."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "ccflare", *arguments]
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.env,
            input=input or "",
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def add_account(self, name: str, secret: str, *more: str, mode: str = "console") -> None:
        """Add an account that authenticates by key, or by a token pair given as JSON (mode `max`)."""
        flag = "--tokens-stdin" if mode == "max" else "--api-key-stdin"
        ran = self.cli("add-account", name, "--mode", mode, flag, *more, input=secret)
        assert ran.code == 0, ran

    def create_key(self, name: str, *more: str) -> str:
        """Create a client key and return it."""
        ran = self.cli("keys", "create", name, "--json", *more)
        assert ran.code == 0, ran
        return str(ran.json()["key"])

    def remove_accounts(self) -> None:
        """Remove every account."""
        listed = self.cli("list", "--json").json()
        for account in listed if isinstance(listed, list) else listed["accounts"]:
            ran = self.cli("remove", account["name"], "--yes")
            assert ran.code == 0, ran

    def log(self) -> str:
        """Return all that the server has written to its outputs."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the server is not running"
        return self._process


def addresses_of(upstream: Upstream) -> dict[str, str]:
    """Return the settings that send everything to the scripted upstream."""
    url = upstream.url
    settings = {
        "CCFLARE_ANTHROPIC_BASE_URL": url,
        "CCFLARE_OAUTH_TOKEN_URL": f"{url}/v1/oauth/token",
        "CCFLARE_OAUTH_AUTHORIZE_URL": f"{url}/oauth/authorize",
        "CCFLARE_CONSOLE_AUTHORIZE_URL": f"{url}/oauth/authorize",
        "CCFLARE_OAUTH_REDIRECT_URI": f"{url}/oauth/code/callback",
        "CCFLARE_CREATE_API_KEY_URL": f"{url}/api/oauth/claude_cli/create_api_key",
        "CCFLARE_USAGE_URL": f"{url}/api/oauth/usage",
    }
    if upstream.ca_file is not None:
        settings["CCFLARE_OUTBOUND_CA_FILE"] = str(upstream.ca_file)
    return settings


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def eventually(look: Callable[[], T], *, timeout_s: float = 30, every_s: float = 0.05) -> T:
    """Return what `look` finds as soon as it is true; for states that nothing announces. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing within {timeout_s} s; last seen: {found!r}")
        time.sleep(every_s)
    return found
