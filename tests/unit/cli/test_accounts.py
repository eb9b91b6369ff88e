"""Commands on accounts."""

import os
import sys

import click
import pytest
from sqlalchemy import select

from app.accounts import service
from app.accounts.models import Account, AccountWindow
from app.audit import SYSTEM
from app.cli import accounts
from app.clock import now_ms
from app.db import transaction
from app.runtime import runtime
from app.values import TokenPair
from tests.unit.canaries import CANARY
from tests.unit.cli.conftest import Ran, Run


def add(run: Run, name: str = "work", *more: str, mode: str = "console") -> Ran:
    return run("add-account", name, "--mode", mode, "--api-key-stdin", *more, given=f"sk-{CANARY}\n")


def test_account_is_added_with_the_key_of_standard_input(run: Run) -> None:
    ran = add(
        run, "work", "--priority", "3", "--endpoint", "http://127.0.0.1:9/", "--model-mapping", "opus=a,b", "--json"
    )
    assert ran.status == 0
    assert (ran.json["name"], ran.json["mode"], ran.json["priority"]) == ("work", "console", 3)
    assert ran.json["endpoint"] == "http://127.0.0.1:9"
    assert ran.json["model_mappings"] == {"opus": ["a", "b"]}
    assert ran.json["created_at_iso"].endswith("Z")


def test_people_get_a_sentence(run: Run) -> None:
    assert add(run).out == "Added work (Claude API key (Console)), priority 0.\n"


def test_mode_without_key_needs_no_standard_input(run: Run) -> None:
    assert run("add-account", "local", "--mode", "ollama").status == 0


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        pytest.param(("--mode", "console"), None, id="no key and no terminal"),
        pytest.param(("--mode", "console", "--api-key-stdin"), "", id="empty standard input"),
        pytest.param(("--mode", "consol", "--api-key-stdin"), "k", id="mode"),
        pytest.param((), None, id="no mode"),
        pytest.param(("--mode", "max", "--api-key-stdin"), "k", id="key for a log-in"),
        pytest.param(("--mode", "zai", "--begin"), None, id="log-in for a key"),
        pytest.param(("--mode", "console", "--priority", "x"), None, id="priority"),
    ],
)
def test_wrong_usage_ends_with_2_and_adds_nothing(run: Run, arguments: tuple[str, ...], given: str | None) -> None:
    assert run("add-account", "work", *arguments, given=given).status == 2
    assert run("list", "--json").json == []


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("--priority", "101"), "priority"),
        (("--endpoint", "http://169.254.169.254"), "endpoint"),
        (("--model-mapping", "opus"), "model_mapping"),
    ],
)
def test_wrong_value_ends_with_1_and_names_the_field(run: Run, arguments: tuple[str, ...], field: str) -> None:
    ran = add(run, "work", *arguments, "--json")
    assert ran.status == 1
    assert list(ran.json_error["details"]) == [field]


def test_name_that_is_taken_ends_with_1(run: Run) -> None:
    add(run)
    ran = add(run)
    assert (ran.status, ran.err) == (1, "Error: There is an account named work already.\n")


def test_key_is_prompted_for_on_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def prompt(text: str, **how: object) -> str:
        asked.append((text, how["hide_input"]))
        return "sk-typed"

    monkeypatch.setattr("app.cli.output.sys", type("Terminal", (), {"stdin": _Terminal(), "stdout": sys.stdout}))
    monkeypatch.setattr(click, "prompt", prompt)
    assert run("add-account", "work", "--mode", "console").status == 0
    assert asked == [("API key of work", True)]


class _Terminal:
    def isatty(self) -> bool:
        return True


def test_list_says_how_to_begin(run: Run) -> None:
    assert "add-account" in run("list").out
    assert run("list", "--json").json == []


def test_list_shows_name_mode_priority_and_state(run: Run) -> None:
    add(run, "work", "--priority", "3")
    add(run, "home", mode="zai")
    run("pause", "home", "--reason", "holiday")
    head, home, work = run("list").out.splitlines()
    assert head.split() == ["NAME", "MODE", "PRIORITY", "STATE", "WINDOWS"]
    assert home.split()[:5] == ["home", "zai", "0", "paused", "(holiday,"]
    assert work.split()[:4] == ["work", "console", "3", "ok"]


def see(*windows: tuple[str, int | None, float | None, str | None]) -> None:
    """Store windows of the only account: kind, reset, utilization, status."""
    with transaction() as session:
        account_id = session.execute(select(Account.id)).scalar_one()
        for kind, reset_at, utilization, status in windows:
            session.add(
                AccountWindow(
                    account_id=account_id, kind=kind, utilization=utilization, reset_at=reset_at, status=status,
                    seen_at=now_ms() - 120_000, source="poll",
                )
            )  # fmt: skip


def test_list_shows_windows_that_hold_with_age_and_reset(run: Run) -> None:
    add(run)
    at = now_ms()
    see(
        ("5h", at + 7_260_000, 0.42, None),
        ("7d", at - 1, 0.9, None),
        ("7d_opus", None, None, None),
        ("7d_sonnet", None, None, "rejected"),
    )
    assert run("list").out.endswith("5h 42 % (2 min old), resets in 2 h, 7d_sonnet rejected (2 min old)\n")


def test_list_shows_the_fullest_of_the_windows_by_the_minute(run: Run) -> None:
    add(run)
    kinds = (("input-tokens", 0.2), ("output-tokens", 0.7), ("requests", 0.1), ("tokens", 0.3))
    see(*((kind, None, used, None) for kind, used in kinds))
    assert run("list").out.endswith("ok     output-tokens 70 % (2 min old)\n")


def test_list_fits_a_terminal_and_cuts_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    add(run)
    at = now_ms()
    see(("5h", at + 7_260_000, 1.0, "rejected"), ("7d", at + 90_000_000, 0.42, None))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_, **__: os.terminal_size((80, 24)))
    lines = accounts._table(service.views(runtime().vault)).splitlines()
    assert max(map(len, lines)) <= 80
    told = " ".join(" ".join(lines).split())
    for words in ("work", "console", "exhausted", "back in 2", "5h 100 %", "7d 42 %"):
        assert words in told


def test_no_command_prints_a_stored_secret(run: Run) -> None:
    add(run)
    pair = TokenPair(f"at-{CANARY}", f"rt-{CANARY}", None)
    service.add(runtime().vault, service.NewAccount("sub", "max", tokens=pair), SYSTEM)
    commands = (
        ("list",), ("list", "--json"), ("pause", "work", "--json"), ("resume", "work", "--json"), ("stats", "--json"),
        ("analyze", "--json"), ("config", "--json"), ("keys", "list", "--json"), ("users", "list", "--json"),
        ("remove", "sub", "--yes", "--json"),
    )  # fmt: skip
    for command in commands:
        ran = run(*command)
        assert ran.status == 0, (command, ran.err)
        assert CANARY not in ran.out + ran.err


def test_pause_and_resume_tell_the_state(run: Run) -> None:
    add(run)
    assert run("pause", "work", "--reason", "rest").out == "work is paused: rest.\n"
    assert run("list", "--json").json[0]["health"]["state"] == "paused"
    assert run("resume", "work").out == "work is back in the pool. Its state: ok.\n"
    assert run("resume", "work").out == "work was not paused. Its state: ok.\n"


def test_forced_reset_tells_whether_there_was_something_to_forget(run: Run) -> None:
    add(run)
    see(("5h", now_ms() + 7_260_000, 1.0, "rejected"))
    assert run("force-reset", "work").out == "work is asked again. Its state: ok.\n"
    assert run("force-reset", "work").out == "work was held back by nothing. Its state: ok.\n"
    assert run("list").out.endswith("ok     -\n")


def test_auto_refresh_is_for_accounts_with_a_window(run: Run) -> None:
    add(run)
    ran = run("auto-refresh", "work", "on")
    assert (ran.status, "has no effect" in ran.err) == (1, True)
    assert run("auto-refresh", "work", "off").status == 0
    add(run, "home", mode="zai")
    assert run("auto-refresh", "home", "on", "--json").json["auto_refresh"] is True


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        pytest.param("k" * 5000, 1, "api_key: has 5,000 characters; give at most 4,096", id="long"),
        pytest.param("one\ntwo\n", 2, "more than one line", id="two lines"),
    ],
)
def test_key_that_cannot_be_one_is_refused_with_the_reason(run: Run, given: str, status: int, said: str) -> None:
    ran = run("add-account", "work", "--mode", "console", "--api-key-stdin", given=given)
    assert (ran.status, said in ran.err) == (status, True), ran


def test_removal_is_not_done_unasked(run: Run) -> None:
    add(run)
    ran = run("remove", "work")
    assert ran.status == 2
    assert "--yes" in ran.err
    assert run("remove", "work", "--yes").out == "Removed work.\n"
    assert run("remove", "work", "--yes").status == 1


def test_account_is_changed(run: Run) -> None:
    add(run)
    assert run("set-priority", "work", "9", "--json").json["priority"] == 9
    assert run("set-priority", "work", "-1").status == 1
    assert run("set-endpoint", "work", "http://127.0.0.1:7/", "--json").json["endpoint"] == "http://127.0.0.1:7"
    assert run("set-endpoint", "work", "--default", "--json").json["endpoint"] is None
    assert run("set-endpoint", "work").status == 2
    assert (
        run("set-model-mapping", "work", "opus=a", "opus=b", "haiku=").out
        == "work maps opus -> a, b; haiku -> not served.\n"
    )
    assert run("set-model-mapping", "work").status == 2
    assert run("set-model-mapping", "work", "--clear").out == "work maps no model.\n"
    assert run("set-key", "work", "--api-key-stdin", given="sk-new\n").out == "work has a new API key.\n"
    assert run("rename", "work", "home").out == "work is called home now.\n"
    assert run("list", "--json").json[0]["name"] == "home"
