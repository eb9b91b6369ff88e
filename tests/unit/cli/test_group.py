"""The group and its errors."""

import getpass
import pkgutil
from collections.abc import Iterator
from importlib import import_module

import click
import pytest
from sqlalchemy.exc import OperationalError

import app.cli
from app.cli.group import VERBS, actor, commands
from tests.unit.cli.conftest import Run


def test_group_alone_prints_help(run: Run) -> None:
    ran = run()
    assert ran.status == 0
    assert "add-account" in ran.out


def modules_of(command: click.Command) -> Iterator[str]:
    """Yield the module of a command and of those below it."""
    if command.callback is not None:
        yield command.callback.__module__
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from modules_of(below)


def test_every_command_is_imported_from_where_the_table_says() -> None:
    context = click.Context(commands)
    for module, verbs in VERBS.items():
        for verb in verbs:
            found = commands.get_command(context, verb)
            assert found is not None
            assert set(modules_of(found)) == {f"app.cli.{module}"}


def test_no_command_is_missing_in_the_table() -> None:
    for module in pkgutil.iter_modules(app.cli.__path__, "app.cli."):
        import_module(module.name)
    assert sorted(commands.commands) == commands.list_commands(click.Context(commands))


@pytest.mark.parametrize("arguments", [("lst",), ("list", "--jsn"), ("pause",), ("set-priority", "a", "high")])
def test_wrong_usage_ends_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).status == 2


def test_refusal_is_one_line_on_stderr(run: Run) -> None:
    ran = run("pause", "nobody")
    assert (ran.status, ran.out, ran.err) == (1, "", "Error: There is no account named nobody.\n")


def test_refusal_is_json_where_json_was_asked_for(run: Run) -> None:
    ran = run("pause", "nobody", "--json")
    assert (ran.status, ran.out) == (1, "")
    assert ran.json_error == {"error": "There is no account named nobody.", "details": {"name": "nobody"}}


def test_database_that_is_away_is_told_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("database is locked\nand more"))

    monkeypatch.setattr("app.accounts.service.views", away)
    ran = run("list")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == "Error: The database cannot be used now: database is locked\n"


def test_actor_is_the_user_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ann")
    assert actor().name == "cli:ann"


def test_actor_without_a_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert actor().name == "cli:unknown"
