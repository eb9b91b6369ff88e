"""Show ccflare working without any account: a scripted upstream, two demo accounts, a few streaming sessions.

`make demo` runs this. Nothing leaves the machine; the demo's data live in a folder of their own, made anew each time.
"""

import argparse
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from config import ConfigError, Settings  # noqa: E402
from tests.fakes import steps  # noqa: E402
from tests.fakes.upstream import Upstream  # noqa: E402

ALPHA, BETA = "sk-ant-api03-demo-alpha", "sk-ant-api03-demo-beta"
TURNS = (
    ("refactoring", "claude-opus-4-8", "Split this module along its seams."),
    ("bug hunt", "claude-sonnet-5", "Why does this test fail once a week?"),
    ("refactoring", "claude-opus-4-8", "Now move the tests along."),
    ("release notes", "claude-haiku-4-5", "Write three lines for users."),
    ("bug hunt", "claude-sonnet-5", "So it is the clock. Fix it."),
    ("refactoring", "claude-opus-4-8", "And update the docs."),
)
LIMIT_AT = 3
"""Before this turn the first account's five-hour window is used up."""


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--once", action="store_true", help="stop when the requests are done")
    arguments = parser.parse_args()
    try:
        settings = Settings.load()
    except ConfigError as exc:
        print("\n".join(exc.faults), file=sys.stderr)
        return 1
    folder = settings.data_dir / "demo"
    with listening(settings) as listener, Upstream() as upstream:
        shutil.rmtree(folder, ignore_errors=True)
        env = environment(folder, upstream.url)
        password = prepare(env)
        address = f"http://{settings.host}:{settings.port}"
        with serving(env, settings, folder, listener):
            print(f"\nccflare serves on {address}. Requests of three sessions, streamed:\n")
            send_all(upstream, settings)
            report(folder, env)
            print(f"\nLook around: {address}/dashboard   user: demo   password: {password}")
            if not arguments.once:
                print("Ctrl-C ends the demo.", flush=True)
                wait_for_interrupt()
    return 0


def listening(settings: Settings) -> socket.socket:
    """Return the socket that the demo's server gets: what comes to it never comes to another server."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=512)
    except OSError as exc:
        raise SystemExit(
            f"The demo cannot listen on {settings.host}:{settings.port} ({exc.strerror}): is your own server running? "
            "Give the demo another port: PORT=8090 make demo"
        ) from exc


def environment(folder: Path, upstream: str) -> dict[str, str]:
    """Return the environment of the demo's server and commands: the operator's own data and keys stay out of it."""
    own = ("DATABASE_URL", "CCFLARE_ENCRYPTION_KEYS", "CCFLARE_ENCRYPTION_KEYS_FILE")
    env = {name: value for name, value in os.environ.items() if name not in own}
    return env | {
        "CCFLARE_DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder}/ccflare.db",
        "CCFLARE_ANTHROPIC_BASE_URL": upstream,
        "CCFLARE_USAGE_URL": f"{upstream}/api/oauth/usage",
        "CCFLARE_OAUTH_TOKEN_URL": f"{upstream}/v1/oauth/token",
    }


def prepare(env: Mapping[str, str]) -> str:
    """Add two accounts and a user; return the user's password."""
    password = secrets.token_urlsafe(9)
    command(env, "add-account", "demo-alpha", "--mode", "console", "--api-key-stdin", "--priority", "0", given=ALPHA)
    command(env, "add-account", "demo-beta", "--mode", "console", "--api-key-stdin", "--priority", "10", given=BETA)
    command(env, "create-user", "demo", "--password-stdin", "--role", "admin", given=password)
    return password


def command(env: Mapping[str, str], *words: str, given: str = "") -> str:
    """Run one `flask ccflare` command and return what it prints."""
    line = [sys.executable, "-m", "flask", "ccflare", *words]
    ran = subprocess.run(line, cwd=ROOT, env=dict(env), input=given, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{' '.join(words)} failed: {ran.stderr.strip()}")
    return ran.stdout


@contextmanager
def serving(env: Mapping[str, str], settings: Settings, folder: Path, listener: socket.socket) -> Iterator[None]:
    """Run the real server on a socket for the time of the block."""
    log = folder / "server.log"
    with open(log, "wb") as output:
        number = listener.fileno()
        line = [sys.executable, "-m", "gunicorn", "-k", "gevent", "--bind", f"fd://{number}", "wsgi:app"]
        server = subprocess.Popen(line, cwd=ROOT, env=dict(env), stdout=output, stderr=output, pass_fds=[number])
    try:
        wait_until_ready(server, settings, log)
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()


def wait_until_ready(server: "subprocess.Popen[bytes]", settings: Settings, log: Path) -> None:
    """Return when the server takes requests; end the demo with its log when it does not start."""
    deadline = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection(settings.host, settings.port, timeout=2)
        try:
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise SystemExit(f"The server did not start:\n{log.read_text()[-3000:]}")


def send_all(upstream: Upstream, settings: Settings) -> None:
    """Send the turns; in between, the first account's window fills up."""
    for number, (session, model, prompt) in enumerate(TURNS):
        if number == LIMIT_AT:
            upstream.script(ALPHA, [steps.limited("5h", reset_in_s=5400)])
        print(f"  {session:14} {prompt:38} ", end="", flush=True)
        text, request_id = ask(settings, session, model, prompt)
        print(f"{text[:44]}...  {request_id}", flush=True)


def ask(settings: Settings, session: str, model: str, prompt: str) -> tuple[str, str]:
    """Send one streaming request as a client would; return its text and the request id."""
    body = {
        "model": model,
        "max_tokens": 1024,
        "stream": True,
        "messages": [{"role": "user", "content": prompt}],
    }
    headers = {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "x-claude-code-session-id": f"demo-{session.replace(' ', '-')}",
        "user-agent": "ccflare-demo",
    }
    connection = http.client.HTTPConnection(settings.host, settings.port, timeout=60)
    try:
        connection.request("POST", "/v1/messages", json.dumps(body), headers)
        answer = connection.getresponse()
        text = "".join(texts(answer))
    finally:
        connection.close()
    if answer.status != 200:
        raise SystemExit(f"The request was answered with {answer.status}.")
    return text, answer.getheader("x-ccflare-request-id") or ""


def texts(answer: http.client.HTTPResponse) -> Iterator[str]:
    """Yield the text of each delta as it comes."""
    for line in answer:
        if line.startswith(b"data: "):
            event = json.loads(line[6:])
            if event.get("type") == "content_block_delta":
                yield event["delta"].get("text", "")


def report(folder: Path, env: Mapping[str, str]) -> None:
    """Print which account served what, as recorded, and the accounts as they stand."""
    rows = recorded(folder)
    print("\nAs recorded:\n")
    for account, attempts, tokens, cost, refused in rows:
        price = "unpriced" if cost is None else f"${cost / 1_000_000:.4f}"
        note = f"   asked first: {refused}" if refused else ""
        print(f"  {account:12} {attempts} attempt{'s' if attempts > 1 else ' '}  {tokens:5} tokens  {price}{note}")
    print("\n" + command(env, "list"))


def recorded(folder: Path) -> list[tuple[str, int, int, int | None, str | None]]:
    """Return the requests in the database once all of them are in it."""
    query = """
        SELECT r.account_name, r.attempts, r.input_tokens + r.output_tokens, r.cost,
               (SELECT a.account_name || ' (' || a.reason || ')' FROM attempts a
                WHERE a.request_id = r.id AND a.reason <> 'served' LIMIT 1)
        FROM requests r WHERE r.outcome = 'complete' ORDER BY r.id
    """
    deadline = time.monotonic() + 10
    while True:
        with sqlite3.connect(f"file:{folder}/ccflare.db?mode=ro", uri=True) as database:
            rows = database.execute(query).fetchall()
        if len(rows) >= len(TURNS) or time.monotonic() > deadline:
            return rows
        time.sleep(0.1)


def wait_for_interrupt() -> None:
    """Sleep until Ctrl-C."""
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    sys.exit(main())
