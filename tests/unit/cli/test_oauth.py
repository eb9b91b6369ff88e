"""Commands that log accounts in."""

import json
from pathlib import Path

import click
import pytest

from config import Settings
from tests.fakes.upstream import Upstream
from tests.integration.server import addresses_of
from tests.unit.canaries import CANARY
from tests.unit.cli.conftest import Run

LATER = 4_102_444_800_000
TOKENS = json.dumps(
    {"access_token": f"sk-ant-oat01-{CANARY}", "refresh_token": f"sk-ant-ort01-{CANARY}", "expires_at": LATER}
)


@pytest.fixture
def settings(up: Upstream, environment: dict[str, str]) -> Settings:
    """Settings under which log-ins reach the scripted upstream."""
    return Settings.load({**environment, **addresses_of(up)})


def test_account_logs_in_in_two_steps(run: Run, up: Upstream) -> None:
    begun = run("add-account", "work", "--mode", "max", "--priority", "4", "--begin", "--json").json
    assert {"url", "session"} <= set(begun)
    pasted = up.authorize(begun["url"])
    done = run(
        "add-account", "work", "--mode", "max", "--finish", begun["session"], "--code-stdin", given=f"{pasted}\n"
    )
    assert (done.status, done.out) == (0, "Added work (Claude subscription (Pro, Max, Team)), priority 4.\n")
    assert pasted not in done.out + done.err


def test_first_step_tells_people_the_second(run: Run, up: Upstream) -> None:
    shown = run("add-account", "my work", "--mode", "console", "--begin").out
    assert f"{up.url}/oauth/authorize?" in shown
    assert "flask ccflare add-account 'my work' --mode console --finish " in shown


def test_terminal_shows_the_page_and_asks_for_the_code_unseen(
    run: Run, up: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    pasted = ""

    def typed(_prompt: str, hide_input: bool, **_more: object) -> str:
        assert hide_input
        return pasted

    def shown(text: str = "", err: bool = False, **_more: object) -> None:
        nonlocal pasted
        if "/oauth/authorize?" in text:
            assert err
            pasted = up.authorize(text.split()[-1])

    monkeypatch.setattr(click, "prompt", typed)
    with monkeypatch.context() as patched:
        patched.setattr("app.cli.oauth.click.echo", shown)
        patched.setattr("app.cli.oauth.sys", _Terminal())
        patched.setattr("app.cli.output.sys", _Terminal())
        ran = run("add-account", "work", "--mode", "max")
    assert ran.status == 0
    assert run("list", "--json").json[0]["name"] == "work"


class _Terminal:
    """What `sys` looks like on a terminal."""

    stdin = type("Stdin", (), {"isatty": staticmethod(lambda: True)})()


def test_account_is_added_with_tokens_that_exist(run: Run) -> None:
    ran = run("add-account", "work", "--mode", "max", "--tokens-stdin", "--json", given=TOKENS)
    assert (ran.json["credential"], ran.json["expires_at"]) == ("oauth", LATER)
    assert CANARY not in ran.out + run("list", "--json").out


def test_account_logs_in_again_with_tokens(run: Run) -> None:
    run("add-account", "work", "--mode", "max", "--priority", "9", "--tokens-stdin", given=TOKENS)
    ran = run("reauthenticate", "work", "--tokens-stdin", "--json", given=TOKENS)
    assert (ran.status, ran.json["priority"]) == (0, 9)


def test_account_logs_in_again_in_two_steps(run: Run, up: Upstream) -> None:
    run("add-account", "work", "--mode", "max", "--tokens-stdin", given=TOKENS)
    begun = run("reauthenticate", "work", "--begin", "--json").json
    pasted = up.authorize(begun["url"])
    ran = run("reauthenticate", "work", "--finish", begun["session"], "--code-stdin", given=pasted)
    assert (ran.status, ran.out) == (0, "work is logged in again.\n")


def test_session_of_another_account_is_refused(run: Run, up: Upstream) -> None:
    begun = run("add-account", "work", "--mode", "max", "--begin", "--json").json
    pasted = up.authorize(begun["url"])
    ran = run("add-account", "other", "--mode", "max", "--finish", begun["session"], "--code-stdin", given=pasted)
    assert (ran.status, ran.err) == (1, "Error: name: this log-in was begun for work\n")


@pytest.mark.parametrize(
    ("arguments", "given", "status", "said"),
    [
        pytest.param(["--mode", "max"], "", 2, "--begin", id="no terminal"),
        pytest.param(["--mode", "max", "--begin", "--tokens-stdin"], "", 2, "one of", id="two ways at once"),
        pytest.param(["--mode", "max", "--code-stdin"], "", 2, "--finish", id="code of what"),
        pytest.param(["--mode", "max", "--tokens-stdin"], "", 2, "empty", id="no tokens"),
        pytest.param(["--mode", "max", "--tokens-stdin"], CANARY, 1, "JSON", id="tokens that are none"),
        pytest.param(["--mode", "console", "--tokens-stdin"], TOKENS, 1, "API key", id="tokens for a key account"),
        pytest.param(["--mode", "max", "--finish", "x", "--code-stdin"], "a#b", 1, "no such log-in", id="unknown"),
        pytest.param(
            ["--mode", "max", "--finish", "x", "--priority", "5"], "a#b", 2, "go with --begin", id="priority too late"
        ),
        pytest.param(["--mode", "max", "--finish", "x", "--code-stdin"], CANARY, 1, "second half", id="half a code"),
        pytest.param(["--mode", "zai", "--begin"], "", 2, "API key", id="mode without a log-in"),
    ],
)
def test_other_ways_end_with_one_clear_line(run: Run, arguments: list[str], given: str, status: int, said: str) -> None:
    ran = run("add-account", "work", *arguments, given=given)
    assert (ran.status, said in ran.err) == (status, True), ran
    assert CANARY not in ran.out + ran.err


def test_login_of_claude_code_is_taken_and_said(run: Run, tmp_path: Path) -> None:
    login = {"accessToken": f"a{CANARY}", "refreshToken": f"r{CANARY}", "expiresAt": LATER, "subscriptionType": "max"}
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({"claudeAiOauth": login}))
    ran = run("import-claude-code", str(file), "--name", "mine", "--priority", "2")
    assert ran.status == 0
    assert f"Taken from {file}: an access token and a refresh token of a max subscription" in ran.out
    assert "logs the other out" in ran.out
    assert CANARY not in ran.out + ran.err
    assert [(one["name"], one["priority"]) for one in run("list", "--json").json] == [("mine", 2)]


def test_login_is_imported_once(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({"claudeAiOauth": {"accessToken": "a", "refreshToken": "r", "expiresAt": LATER}}))
    assert run("import-claude-code", str(file), "--name", "mine").status == 0
    again = run("import-claude-code", str(file), "--name", "other")
    tokens = json.dumps({"access_token": "newer", "refresh_token": "r", "expires_at": LATER})
    by_hand = run("add-account", "third", "--mode", "max", "--tokens-stdin", given=tokens)
    for ran in (again, by_hand):
        assert (ran.status, ran.err.startswith("Error: The account mine holds this log-in already")) == (1, True)
    assert run("add-account", "own", "--mode", "max", "--tokens-stdin", given=TOKENS).status == 0
    assert run("reauthenticate", "own", "--tokens-stdin", given=tokens).status == 1
    assert run("reauthenticate", "mine", "--tokens-stdin", given=tokens).status == 0


@pytest.mark.parametrize("content", ['{"projects": {}}', "no JSON"])
def test_other_file_than_a_login_is_told_with_the_shape_of_one(run: Run, tmp_path: Path, content: str) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(content)
    ran = run("import-claude-code", str(file))
    assert (ran.status, '{"claudeAiOauth": {"accessToken"' in ran.err) == (1, True), ran
