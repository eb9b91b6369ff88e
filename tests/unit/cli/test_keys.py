"""Commands on client keys."""

import pytest

from app.clock import now_ms
from app.runtime import runtime
from tests.unit.cli.conftest import Run


def test_created_key_works_and_is_shown_once(run: Run) -> None:
    made = run("keys", "create", "laptop", "--role", "admin", "--json").json
    keys = runtime().keys
    keys.load()
    principal = keys.verify(made["key"])
    assert (principal.key_id, principal.role) == (made["id"], "admin")
    listed = run("keys", "list", "--json")
    assert made["key"] not in listed.out
    assert listed.json[0]["prefix"] == f"ccf_{made['id']}_"


def test_people_see_the_key_on_a_line_of_its_own(run: Run) -> None:
    key, *_ = run("keys", "create", "laptop").out.splitlines()
    assert key.startswith("ccf_")
    assert key == key.strip()


def test_limits_are_read(run: Run) -> None:
    before = now_ms()
    limits = (
        "--expires-in",
        "2d",
        "--budget",
        "12.5",
        "--requests-per-minute",
        "9",
        "--model",
        "opus",
        "--model",
        "haiku",
    )
    run("keys", "create", "laptop", *limits)
    (view,) = run("keys", "list", "--json").json
    assert view["expires_at"] >= before + 2 * 86_400_000
    assert (view["budget_micro_usd"], view["budget_usd"]) == (12_500_000, "12.500000")
    assert (view["requests_per_minute"], view["models"]) == (9, ["opus", "haiku"])
    assert "$12.50 a month; 9 a minute; opus, haiku" in run("keys", "list").out


@pytest.mark.parametrize(
    "option",
    [
        ("--expires-in", "2"), ("--expires-in", "0d"), ("--expires-in", "-1d"), ("--expires-in", "1y"),
        ("--budget", "x"), ("--budget", "0"), ("--budget", "NaN"), ("--budget", "Infinity"), ("--budget", "-1"),
        ("--requests-per-minute", "0"), ("--requests-per-minute", "9" * 30), ("--role", "viewer"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_limit_is_wrong_usage(run: Run, option: tuple[str, str]) -> None:
    assert run("keys", "create", "laptop", *option).status == 2
    assert run("keys", "list", "--json").json == []


def test_key_is_renamed_and_revoked(run: Run) -> None:
    run("keys", "create", "laptop")
    assert run("keys", "rename", "laptop", "desk").status == 0
    assert run("keys", "revoke", "desk").status == 2
    assert run("keys", "revoke", "desk", "--yes", "--json").json["state"] == "revoked"
    assert run("keys", "revoke", "laptop", "--yes").status == 1


def test_empty_list_says_what_that_means(run: Run) -> None:
    assert "keys create" in run("keys", "list").out
