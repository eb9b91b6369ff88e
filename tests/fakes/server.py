"""The fake's process: accepts connections, plays scripts, and obeys the control endpoint."""

import base64
import json
import signal
import sys
import time
from itertools import count
from typing import Any

import gevent
from gevent.event import Event
from gevent.server import StreamServer

from tests.fakes.delivery import deliver
from tests.fakes.ledger import KEEP_BYTES, Entry, Gates, Ledger, Scripts
from tests.fakes.oauth import Grant
from tests.fakes.wire import BadRequest, PeerGone, Request, Wire
from tests.fakes.world import World, api_path, group_of

CONTROL = "/_control/"


class FakeServer:
    """One scripted peer on one port."""

    def __init__(self, *, scheme: str = "http", bench: bool = False) -> None:
        self.ledger = Ledger(keep_bytes=0 if bench else KEEP_BYTES)
        self.gates = Gates(self.ledger)
        self.scripts = Scripts()
        self.world = World(scheme=scheme, shallow=bench)
        self._numbers = count(1)
        self._open = 0

    def serve(self, sock: Any, address: Any) -> None:
        """Answer the requests of one connection until it ends."""
        wire = Wire(sock, next(self._numbers))
        self._open += 1
        is_control = False
        try:
            while (request := wire.read_head()) is not None:
                is_control = request.target.startswith(CONTROL)
                if not (self._control(wire, request) if is_control else self._exchange(wire, request)):
                    break
        except (PeerGone, OSError):
            pass
        except BadRequest:
            _best_effort(wire, b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        finally:
            self._open -= 1
            wire.close()
            if not is_control:
                self.ledger.mark("connection_closed", connection=wire.number)

    def _exchange(self, wire: Wire, request: Request) -> bool:
        """Read the rest of one request and answer it; return whether the connection lives on."""
        path = api_path(request.path)
        group = group_of(path)
        step = self.scripts.peek(path, group, request.credential) or {}
        if not step.get("early"):
            wire.read_body(request)
        credential = _token_credential(request) if group == "token" else request.credential
        entry = self.ledger.open(wire.number, request, credential)
        if wire.doomed:
            entry.outcome = "stale"
            self.ledger.close(entry)
            return False
        step = self.scripts.take(path, group, credential)
        try:
            keep = deliver(wire, entry, self.world.answer(entry, step), step, self.gates)
            if step.get("early"):
                wire.linger()
            return keep
        except PeerGone:
            entry.outcome = "peer_closed"
            return False
        except Exception:
            entry.outcome = "fault"
            raise
        finally:
            self.ledger.close(entry)

    def _control(self, wire: Wire, request: Request) -> bool:
        wire.read_body(request)
        asked = json.loads(request.body or b"{}")
        verb = request.path.removeprefix(CONTROL)
        try:
            answer, status = getattr(self, f"_do_{verb}")(asked), 200
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            answer, status = {"fault": f"{verb}: {exc!r}"}, 400
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        wire.send(head.encode() + body)
        return True

    def _do_script(self, asked: Any) -> Any:
        self.scripts.add(asked["on"], asked["credential"], asked["steps"], forever=asked.get("forever", False))

    def _do_left(self, asked: Any) -> Any:
        return self.scripts.left()

    def _do_release(self, asked: Any) -> Any:
        self.gates.release(asked["name"])

    def _do_reset(self, asked: Any) -> Any:
        self.scripts.reset()
        self.gates.reset()
        self.world.reset()
        self.ledger.reset()

    def _do_requests(self, asked: Any) -> Any:
        return [_shown(entry) for entry in self.ledger.matching(asked.get("credential"), asked.get("path"))]

    def _do_state(self, asked: Any) -> Any:
        return {"open_connections": self._open, "counts": self.ledger.counts, "left": self.scripts.left()}

    def _do_wait(self, asked: Any) -> Any:
        """Wait for `count` requests that match, or for a point to be reached so often. `met` tells whether it was."""
        deadline = time.monotonic() + asked.get("timeout_s", 10)
        point, wanted = asked.get("point"), asked.get("count", 1)
        while True:
            changed: Event = self.ledger.changed
            if point is None:
                reached = len(self.ledger.matching(asked.get("credential"), asked.get("path")))
            else:
                reached = self.ledger.counts[point]
            left_s = deadline - time.monotonic()
            if reached >= wanted or left_s <= 0:
                met = reached >= wanted
                return {
                    "met": met,
                    "points": list(self.ledger.points.get(point or "", ())),
                    "counts": self.ledger.counts,
                }
            changed.wait(left_s)

    def _do_set(self, asked: Any) -> Any:
        if "strict_tokens" in asked:
            self.world.strict_tokens = asked["strict_tokens"]
        if "strict_keys" in asked:
            self.world.strict_keys = None if asked["strict_keys"] is None else set(asked["strict_keys"])

    def _do_windows(self, asked: Any) -> Any:
        windows = self.world.windows_of(asked["credential"])
        for name in ("five_hour", "seven_day"):
            if name in asked:
                setattr(windows, name, asked[name])
            if f"{name}_reset_in_s" in asked:
                setattr(windows, f"{name}_reset", time.time() + asked[f"{name}_reset_in_s"])

    def _do_issue(self, asked: Any) -> Any:
        grant = Grant(asked.get("account", "someone"), asked.get("scope", "user:profile user:inference"))
        pair = self.world.oauth.issue(grant, asked.get("expires_in_s", 28_800))
        return {**pair, "expires_at": int((time.time() + pair["expires_in"]) * 1000)}

    def _do_revoke(self, asked: Any) -> Any:
        self.world.oauth.revoke(asked["token"])

    def _do_live(self, asked: Any) -> Any:
        oauth = self.world.oauth
        return {
            "access": [token for token in oauth.access if oauth.is_live(token)],
            "refresh": list(oauth.refresh),
            "keys": oauth.keys,
        }


def run(host: str, port: int, *, tls_files: tuple[str, str] | None, bench: bool, until_stdin_closes: bool) -> None:
    """Serve until killed, or until whoever started us is gone. Prints `ready URL` when listening."""
    scheme = "https" if tls_files else "http"
    fake = FakeServer(scheme=scheme, bench=bench)
    options: dict[str, Any] = {"certfile": tls_files[0], "keyfile": tls_files[1]} if tls_files else {}
    server = StreamServer((host, port), fake.serve, backlog=4096, **options)
    server.start()
    sys.stdout.write(f"ready {scheme}://{host}:{server.server_port}\n")
    sys.stdout.flush()
    if until_stdin_closes:
        # Ctrl-C reaches every process of a terminal; whoever started this one ends it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        gevent.get_hub().threadpool.apply(sys.stdin.buffer.read)
    else:
        server.serve_forever()


def _token_credential(request: Request) -> str | None:
    """Return what a token request is about: its refresh token or its code."""
    try:
        asked = json.loads(request.body)
    except ValueError:
        return None
    return str(asked.get("refresh_token") or asked.get("code")) if isinstance(asked, dict) else None


def _best_effort(wire: Wire, data: bytes) -> None:
    try:
        wire.send(data)
    except PeerGone:
        return


def _shown(entry: Entry) -> dict[str, Any]:
    request = entry.request
    return {
        "number": entry.number,
        "connection": entry.connection,
        "credential": entry.credential,
        "method": request.method,
        "target": request.target,
        "headers": request.headers,
        "head": base64.b64encode(request.head).decode(),
        "body": base64.b64encode(request.body).decode(),
        "at": request.at,
        "status": entry.status,
        "outcome": entry.outcome,
        "answer_head": base64.b64encode(entry.answer_head).decode(),
        "answer_body": base64.b64encode(b"".join(entry.sent)).decode(),
        "answered_at": entry.answered_at,
        "ended_at": entry.ended_at,
    }
