"""The test's hand on the fake: starts its process, scripts it, and asks what it saw. Plain http.client, no gevent."""

import base64
import http.client
import json
import ssl
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.fakes.steps import Step

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it reached the fake, and what was answered. Times are epoch milliseconds."""

    number: int
    connection: int
    credential: str | None
    method: str
    target: str
    headers: list[tuple[str, str]]
    head: bytes
    body: bytes
    at: float
    status: int | None
    outcome: str
    """open, sent, cut, reset, stale, peer_closed."""
    answer_head: bytes
    answer_body: bytes
    """As it went out: still compressed, before framing."""
    answered_at: float | None
    ended_at: float | None

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def header(self, name: str) -> str | None:
        """Return a header's value, repeated ones joined by `, `."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(found) if found else None

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)

    @classmethod
    def read(cls, shown: dict[str, Any]) -> Self:
        """Return the record of one entry of the control endpoint."""
        for name in ("head", "body", "answer_head", "answer_body"):
            shown[name] = base64.b64decode(shown[name])
        shown["headers"] = [(name, value) for name, value in shown["headers"]]
        return cls(**shown)


class Upstream:
    """A scripted upstream in a process of its own; a context manager."""

    def __init__(self, *, tls: bool = False, port: int = 0, bench: bool = False) -> None:
        self.url = ""
        self.ca_file: Path | None = None
        """The authority to trust when `tls` is on."""
        self._tls = tls
        self._arguments = ["--port", str(port), "--until-stdin-closes"] + ["--bench"] * bench
        self._process: subprocess.Popen[str] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Start the process and wait until it listens."""
        arguments = self._arguments
        if self._tls:
            self._folder = tempfile.TemporaryDirectory(prefix="ccflare-fake-")
            self.ca_file = Path(self._folder.name) / "authority.pem"
            arguments = [*arguments, "--tls", self._folder.name]
        command = [sys.executable, "-m", "tests.fakes.upstream", *arguments]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        word, _, self.url = self._process.stdout.readline().strip().partition(" ")
        if word != "ready":
            self.stop()
            raise RuntimeError("the scripted upstream did not start; its output above says why")
        return self

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """End the process: its input is closed, and it leaves."""
        if self._process is not None:
            process, self._process = self._process, None
            try:
                process.communicate(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def script(self, credential: str, steps: list[Step] | Step, *, on: str = "v1", forever: bool = False) -> None:
        """Queue steps for a credential ("*": any). `on`: v1, token, usage, keys, or an exact path.

        The credential of a token request is its refresh token or code. With `forever` the last step stays.
        """
        listed = steps if isinstance(steps, list) else [steps]
        self._ask("script", credential=credential, steps=listed, on=on, forever=forever)

    def left(self) -> dict[str, int]:
        """Return how many steps are still queued, by "where credential"."""
        return dict(self._ask("left"))

    def requests(self, credential: str | None = None, path: str | None = None) -> list[Seen]:
        """Return the requests that came since the last reset, in order of arrival."""
        return [Seen.read(shown) for shown in self._ask("requests", credential=credential, path=path)]

    def release(self, name: str) -> None:
        """Open a gate: answers that stop there go on, later ones do not stop."""
        self._ask("release", name=name)

    def wait_for(self, point: str, count: int = 1, timeout_s: float = 10) -> list[dict[str, Any]]:
        """Wait until a point was reached `count` times; return when and by which request.

        Points: held:NAME, peer_closed (the peer left an open exchange), ended, request, connection_closed.
        """
        answer = self._ask("wait", _timeout_s=timeout_s + 10, point=point, count=count, timeout_s=timeout_s)
        return list(self._met(answer, f"{count} x {point}", timeout_s)["points"])

    def wait_for_requests(
        self,
        count: int,
        credential: str | None = None,
        path: str | None = None,
        timeout_s: float = 10,
    ) -> list[Seen]:
        """Wait until so many requests have arrived, and return them."""
        asked = {"count": count, "credential": credential, "path": path, "timeout_s": timeout_s}
        self._met(
            self._ask("wait", _timeout_s=timeout_s + 10, **asked), f"{count} requests ({credential}, {path})", timeout_s
        )
        return self.requests(credential, path)

    def wait_until_held(self, name: str, count: int = 1, timeout_s: float = 10) -> list[dict[str, Any]]:
        """Wait until answers stop at a gate."""
        return self.wait_for(f"held:{name}", count, timeout_s)

    def wait_until_peer_closed(self, count: int = 1, timeout_s: float = 10) -> list[dict[str, Any]]:
        """Wait until the peer has left so many open exchanges."""
        return self.wait_for("peer_closed", count, timeout_s)

    def state(self) -> dict[str, Any]:
        """Return open_connections, counts of all points, and steps left."""
        return dict(self._ask("state"))

    def reset(self) -> None:
        """Forget scripts, requests, tokens, windows; open all gates."""
        self._ask("reset")

    def be_strict(self, *, tokens: bool = True, keys: list[str] | None = None) -> None:
        """Answer 401 to OAuth tokens that were not issued here or have expired, and to keys that are not listed."""
        self._ask("set", strict_tokens=tokens, strict_keys=keys)

    def set_windows(self, credential: str, **values: float) -> None:
        """Set five_hour, seven_day (fractions), five_hour_reset_in_s, seven_day_reset_in_s of a credential."""
        self._ask("windows", credential=credential, **values)

    def issue_tokens(self, *, expires_in_s: float = 28_800, account: str = "someone") -> dict[str, Any]:
        """Return a live pair: access_token, refresh_token, expires_in, expires_at (ms), scope, account."""
        return dict(self._ask("issue", expires_in_s=expires_in_s, account=account))

    def revoke(self, token: str) -> None:
        """Kill an access or refresh token."""
        self._ask("revoke", token=token)

    def live_tokens(self) -> dict[str, list[str]]:
        """Return the access tokens, refresh tokens and created keys that are valid now."""
        return dict(self._ask("live"))

    def authorize(self, url: str) -> str:
        """Open an authorisation URL as the account's owner would, agree, and return `code#state`."""
        parts = urlsplit(url)
        status, body = self._http("GET", f"{parts.path}?{parts.query}", None, {"Accept": "application/json"}, 10)
        if status != 200:
            raise RuntimeError(f"authorisation refused: {body!r}")
        return str(json.loads(body)["shown"])

    def _ask(self, verb: str, _timeout_s: float = 10, **asked: Any) -> Any:
        status, body = self._http("POST", f"/_control/{verb}", json.dumps(asked).encode(), {}, _timeout_s)
        if status != 200:
            raise RuntimeError(f"the scripted upstream refused: {body.decode()}")
        return json.loads(body)

    def _http(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str], timeout_s: float
    ) -> tuple[int, bytes]:
        port = urlsplit(self.url).port
        if self._tls:
            context = ssl.create_default_context(cafile=str(self.ca_file))
            line: http.client.HTTPConnection = http.client.HTTPSConnection(
                "127.0.0.1", port, timeout=timeout_s, context=context
            )
        else:
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
        try:
            line.request(method, target, body, headers)
            answer = line.getresponse()
            return answer.status, answer.read()
        finally:
            line.close()

    def _met(self, answer: dict[str, Any], wanted: str, timeout_s: float) -> dict[str, Any]:
        if not answer["met"]:
            seen = [
                f"{seen.method} {seen.target} {seen.credential} -> {seen.status} {seen.outcome}"
                for seen in self.requests()[-20:]
            ]
            raise TimeoutError(f"waited {timeout_s} s for {wanted}; counts {answer['counts']}; last requests {seen}")
        return answer


def attach(url: str) -> Upstream:
    """Return a hand on a fake that someone else started (without TLS)."""
    upstream = Upstream()
    upstream.url = url
    return upstream
