"""Which options of `add-account` ask for a log-in."""

import pytest

from app.cli.login import LogIn
from tests.unit.cli.conftest import Run


@pytest.mark.parametrize(
    ("log_in", "is_asked_for"),
    [
        pytest.param(LogIn(False, None, False, False), False, id="none"),
        pytest.param(LogIn(True, None, False, False), True, id="--begin"),
        pytest.param(LogIn(False, "session", False, False), True, id="--finish"),
        pytest.param(LogIn(False, "", False, False), True, id="--finish without a session"),
        pytest.param(LogIn(False, None, True, False), True, id="--code-stdin"),
        pytest.param(LogIn(False, None, False, True), True, id="--tokens-stdin"),
    ],
)
def test_any_option_of_a_log_in_asks_for_one(log_in: LogIn, is_asked_for: bool) -> None:
    assert log_in.is_asked_for is is_asked_for


@pytest.mark.parametrize(
    "options", [("--begin",), ("--finish", ""), ("--code-stdin",), ("--tokens-stdin",)], ids=lambda one: one[0]
)
def test_log_in_and_key_do_not_go_together(run: Run, options: tuple[str, ...]) -> None:
    done = run("add-account", "work", "--mode", "console", *options, "--api-key-stdin", given="sk-key\n")
    assert done.status == 2
    assert run("list", "--json").json == []
