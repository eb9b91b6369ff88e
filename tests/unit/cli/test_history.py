"""Commands on what happened."""

import pytest

from app.clock import now_ms
from app.db import transaction
from app.usage.journal import Entry
from app.usage.pricing import price
from app.usage.recorder import END
from app.usage.storing import store
from app.values import Tokens, new_request_id
from tests.unit.cli.conftest import Run

COST = price("claude-opus-4-6", Tokens(input=6900), now_ms())


@pytest.fixture
def recorded(app: object) -> None:
    """One served request, as the ingester stores it."""
    at = now_ms()
    head = {
        "kind": END, "id": new_request_id(at), "started_at": at, "ended_at": at, "method": "POST",
        "path": "/v1/messages", "outcome": "complete", "status": 200, "account_id": 1, "account_name": "work",
        "model": "claude-opus-4-6", "tokens": [6900],
        "attempts": [
            {
                "account_id": 1, "account_name": "work", "status": 200, "reason": "served", "detail": None,
                "started_at": at, "ended_at": at, "cooldown_until": None,
            }
        ],
    }  # fmt: skip
    with transaction() as session:
        store(session, [Entry(head, b"", 0)])


@pytest.mark.usefixtures("recorded")
def test_statistics_are_exact_for_programs(run: Run) -> None:
    found = run("stats", "--json").json
    assert found["at_iso"].endswith("Z")
    assert found["total"]["requests"] == found["today"]["requests"] == 1
    assert COST is not None
    assert (found["total"]["cost_micro_usd"], found["total"]["cost_usd"]) == (COST.total, "0.034500")
    assert found["total"]["tokens"] == {
        "input": 6900, "output": None, "cache_read": None, "cache_write_5m": None, "cache_write_1h": None,
    }  # fmt: skip
    assert [share["name"] for share in found["accounts"]] == ["work"]


@pytest.mark.usefixtures("recorded")
def test_statistics_are_readable_for_people(run: Run) -> None:
    lines = run("stats").out.splitlines()
    assert lines[4].split() == ["in", "all", "1", "100", "%", "6,900", "-", "-", "-", "$0.0345"]
    assert "Outcomes: complete 1" in lines
    assert any(line.startswith("claude-opus-4-6 ") for line in lines)


def test_statistics_of_nothing_are_no_fault(run: Run) -> None:
    assert run("stats").status == 0
    assert run("stats", "--json").json["total"]["success_rate"] is None


@pytest.mark.usefixtures("recorded")
def test_history_is_not_cleared_unasked(run: Run) -> None:
    assert run("clear-history").status == 2
    assert run("stats", "--json").json["total"]["requests"] == 1
    assert run("clear-history", "--yes", "--json").json == {"requests": 1}
    assert run("stats", "--json").json["total"]["requests"] == 0


def test_counters_are_reset(run: Run) -> None:
    run("add-account", "local", "--mode", "ollama")
    assert run("reset-stats").out == "The counters of all accounts are zero.\n"


@pytest.mark.usefixtures("recorded")
def test_analysis_lists_every_table(run: Run) -> None:
    tables = {table["name"]: table["rows"] for table in run("analyze", "--json").json["tables"]}
    assert tables["requests"] == 1
    assert run("analyze").out.startswith("sqlite: ")
