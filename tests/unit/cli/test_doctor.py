"""The doctor's command."""

from app.runtime import runtime
from tests.unit.cli.conftest import Run


def test_healthy_installation_ends_with_0(run: Run) -> None:
    ran = run("doctor")
    assert ran.status == 0
    assert [line.split()[0] for line in ran.out.splitlines()].count("fail") == 0


def test_failure_ends_with_1_and_is_told_either_way(run: Run) -> None:
    run("add-account", "local", "--mode", "ollama", "--endpoint", "http://127.0.0.1:1")
    runtime().pool.load()  # As a process that starts anew does.
    ran = run("doctor")
    assert ran.status == 1
    assert "host 127.0.0.1:1  cannot be reached" in ran.out
    ran = run("doctor", "--json")
    assert (ran.status, ran.json["ok"]) == (1, False)
