"""Nothing secret comes out: canaries are planted and looked for everywhere. A wrong key starts nothing."""

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.vault import new_key
from tests.fakes.upstream import Upstream, invalid_grant, status, unauthorized
from tests.integration.calls import ask
from tests.integration.installation import Installation
from tests.integration.server import Ran, Server, eventually

Make = Callable[..., Server]
Inside = Callable[[Server], Installation]
API_KEY = "sk-ant-api03-CanaryOfTheApiKey0123456789"
PROMPT = "CanaryOfThePrompt0123456789"
SHOWN = (
    ["list"],
    ["list", "--json"],
    ["config"],
    ["stats", "--json"],
    ["doctor"],
    ["jobs"],
    ["keys", "list", "--json"],
    ["--help"],
)


class Watch:
    """Collects what came out, under the name of where it came from."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.seen: dict[str, bytes] = {}

    def run(self, *arguments: str, given: str | None = None) -> Ran:
        ran = self.server.cli(*arguments, input=given)
        name = f"flask ccflare {' '.join(arguments)}"
        self.seen[name] = self.seen.get(name, b"") + (ran.stdout + ran.stderr).encode()
        return ran

    def files(self) -> None:
        for path in (self.server.folder).rglob("*"):
            if path.is_file() and path.name != "encryption.keys":
                self.seen[str(path.relative_to(self.server.folder))] = path.read_bytes()

    def processes(self) -> None:
        for pid in (self.server.pid, *self.server.worker_pids()):
            for what in ("cmdline", "environ"):
                self.seen[f"{what} of {pid}"] = Path(f"/proc/{pid}/{what}").read_bytes()

    def places_of(self, canary: str) -> list[str]:
        return [place for place, content in self.seen.items() if canary.encode() in content]


def test_no_canary_comes_out(upstream: Upstream, new_server: Make, inside: Inside) -> None:
    server = new_server(LOG_LEVEL="debug")
    site, watch = inside(server), Watch(server)
    canaries = {"api key": API_KEY, "prompt": PROMPT}

    watch.run("add-account", "key", "--mode", "console", "--api-key-stdin", "--priority", "9", given=API_KEY)
    pair = upstream.issue_tokens()
    given = json.dumps({**pair, "expires_at": int(time.time() * 1000) - 1000})
    watch.run("add-account", "sub", "--mode", "max", "--tokens-stdin", given=given)
    begun = server.cli("add-account", "new", "--mode", "max", "--priority", "5", "--begin", "--json").json()
    code, _, state = upstream.authorize(begun["url"]).partition("#")
    watch.run("add-account", "bad", "--mode", "max", "--finish", begun["session"], "--code-stdin", given=code)
    watch.run(
        "add-account", "new", "--mode", "max", "--finish", begun["session"], "--code-stdin", given=f"{code}#{state}"
    )
    canaries |= {"code": code, "state": state}
    canaries["client key"] = server.create_key("client")
    site.wait_for_accounts(3)

    sent = [("x-api-key", canaries["client key"])]
    with server.raw() as client:
        for step in (None, unauthorized(), status(500), status(400)):
            if step is not None:
                upstream.script("*", step)
            body = json.dumps(
                {"model": "m", "max_tokens": 8, "messages": [{"role": "user", "content": PROMPT}]}
            ).encode()
            client.request("POST", "/v1/messages", [("anthropic-version", "2023-06-01"), *sent], body)
            watch.seen[f"answer to {step}"] = client.answer().body.replace(PROMPT.encode(), b"")
    watch.seen["refused"] = ask(server, headers=[("authorization", f"Bearer {canaries['client key']}x")]).body
    upstream.script(
        "*", [status(500, message=f"no {pair['refresh_token']}"), invalid_grant()], on="token", forever=True
    )
    again = server.cli("add-account", "third", "--mode", "max", "--begin", "--json").json()
    watch.run(
        *("add-account", "third", "--mode", "max", "--finish", again["session"], "--code-stdin"),
        given=upstream.authorize(again["url"]),
    )
    for arguments in SHOWN:
        watch.run(*arguments)
    watch.run("rotate-key")

    exchange = next(seen for seen in upstream.requests(path="/v1/oauth/token") if "code_verifier" in seen.json())
    canaries["verifier"] = exchange.json()["code_verifier"]
    for kind, tokens in upstream.live_tokens().items():
        canaries |= {f"{kind} {number}": token for number, token in enumerate(tokens)}
    canaries |= {"first access": pair["access_token"], "first refresh": pair["refresh_token"]}
    for number, key in enumerate((server.folder / "data" / "encryption.keys").read_text().split()):
        canaries[f"encryption key {number}"] = key

    eventually(lambda: site.scalar("SELECT count(*) FROM requests WHERE outcome IS NOT NULL") >= 4)
    watch.files()
    watch.processes()
    assert {name: found for name, canary in canaries.items() if (found := watch.places_of(canary))} == {}
    assert len(watch.seen) > 20
    assert all(len(canary) >= 20 for canary in canaries.values())


@pytest.fixture
def stopped(new_server: Make) -> Server:
    """An installation with an account, at rest."""
    server = new_server(workers=1)
    server.add_account("key", API_KEY)
    assert server.stop()
    return server


def refusals(server: Server) -> list[tuple[int, str]]:
    """Return how the command line and the server refuse to start: status and message."""
    ran = server.cli("list")
    before = len(server.log())
    server.launch()
    code = server.wait()
    server.stop()
    return [(ran.code, ran.stdout + ran.stderr), (code, server.log()[before:])]


def test_wrong_key_starts_nothing_and_says_what_to_do(stopped: Server) -> None:
    file = stopped.folder / "data" / "encryption.keys"
    right = file.read_text()
    wrong = new_key()
    file.write_text(wrong)
    for code, said in refusals(stopped):
        assert code != 0
        assert "ccflare cannot start" in said
        assert "restore the key file from a backup" in said
        assert "Traceback" not in said
        assert wrong not in said
    file.write_text(right)
    assert stopped.cli("list").code == 0


def test_key_file_that_was_lost_is_not_replaced_by_one_that_opens_nothing(stopped: Server) -> None:
    (stopped.folder / "data" / "encryption.keys").unlink()
    for code, said in refusals(stopped):
        assert code != 0
        assert "There is no key file" in said
    assert not (stopped.folder / "data" / "encryption.keys").exists()


def test_malformed_key_is_refused_without_being_shown(stopped: Server) -> None:
    stopped.env["CCFLARE_ENCRYPTION_KEYS"] = "CanaryOfAKeyThatIsTooShort"
    for code, said in refusals(stopped):
        assert code != 0
        assert "openssl rand -base64 32" in said
        assert "CanaryOfAKey" not in said


def test_key_changes_while_the_server_serves(upstream: Upstream, new_server: Make, inside: Inside) -> None:
    server = new_server()
    site = inside(server)
    server.add_account("key", API_KEY)
    site.wait_for_accounts(1)
    for _ in range(3):
        assert ask(server).status == 200
    ran = server.cli("rotate-key", "--json")
    assert ran.json()["added_key"], ran
    for _ in range(6):
        assert ask(server).status == 200
    eventually(lambda: site.scalar("SELECT count(*) FROM payloads") == 9)
    current = ran_current(server)
    assert site.scalar("SELECT count(*) FROM payloads WHERE substr(content, 1, ?) != ?", len(current), current) == 0
    assert server.cli("rotate-key", "--retire").code == 0
    for worker in server.worker_pids():
        os.kill(worker, 9)
    eventually(lambda: ask_quietly(server) == 200)
    assert site.scalar("SELECT count(*) FROM accounts WHERE substr(api_key, 1, ?) != ?", len(current), current) == 0
    assert re.fullmatch(r"\S+\n", (server.folder / "data" / "encryption.keys").read_text())


def test_key_changes_twice_while_an_idle_server_does_nothing(
    upstream: Upstream, new_server: Make, inside: Inside
) -> None:
    server = new_server()
    site = inside(server)
    server.add_account("key", API_KEY)
    site.wait_for_accounts(1)
    for number in (1, 2):
        assert server.cli("rotate-key").code == 0
        retired = server.cli("rotate-key", "--retire")
        assert (retired.code, retired.stderr) == (0, "")
        assert [ask(server).status for _ in range(6)] == [200] * 6
        eventually(lambda stored=6 * number: site.scalar("SELECT count(*) FROM payloads") == stored)
        current = ran_current(server)
        query = "SELECT count(*) FROM payloads WHERE substr(content, 1, ?) != ?"
        assert site.scalar(query, len(current), current) == 0
    assert "stays as it is" not in server.log()


def ran_current(server: Server) -> bytes:
    """Return how a value begins that was sealed by the first key of the file."""
    from app.vault import keyring  # noqa: PLC0415 - the product's own reading of the file

    return keyring((server.folder / "data" / "encryption.keys").read_text()).prefix


def ask_quietly(server: Server) -> int | None:
    try:
        return ask(server).status
    except (ConnectionError, OSError, IndexError):
        return None
