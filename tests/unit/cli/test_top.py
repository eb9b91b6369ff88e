"""The command that shows how everything is."""

import json
import re
import unicodedata

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from app.accounts import service
from app.audit import SYSTEM
from app.background.gauges import Teller
from app.cli import top
from app.clock import now_ms
from app.glance import glance
from app.routing import STRATEGIES
from app.runtime import runtime
from tests.unit.cli.conftest import Run
from tests.unit.usage.records import end, put, start

LONG = "a message that goes on and on, \x1b[31m red and 日本語 " * 5


@pytest.fixture
def pool(app: Flask, run: Run) -> None:
    """Two accounts, a request that runs and one that failed, and a server that is up."""
    run("add-account", "work", "--mode", "ollama", "--priority", "1")
    run("add-account", "spare", "--mode", "ollama", "--priority", "2")
    service.pause("spare", "rests", SYSTEM)
    Teller(runtime()).tell()
    put(start(end(now_ms(), session_id="s-1")), end(now_ms(), status=529, error=LONG))


@pytest.mark.usefixtures("pool")
def test_one_look_tells_health_accounts_running_and_failed(run: Run) -> None:
    ran = run("top")
    assert ran.status == 0
    lines = ran.out.splitlines()
    assert lines[0].startswith("Serving, with 1 of 2 accounts ready.  1 worker, ")
    assert lines[1].startswith("work would serve next: ")
    assert "spare: paused (rests)" not in lines[1], "it has a worse priority and is not passed over"
    assert "running 1; today (UTC) 1 request, 1 failed, " in lines[2]
    table = {line.split()[0]: line for line in lines[4:7]}
    assert table[">"].startswith("> work   ok ")
    assert "paused (rests, by cli:" not in table["spare"]
    assert re.search(r"spare +paused \(rests, by system\)", table["spare"])
    assert any(line.startswith("RUNNING ") for line in lines)
    assert any("529" in line and "a message that goes on" in line for line in lines)
    assert "\x1b" not in ran.out


def test_stream_that_was_cut_is_told_by_its_outcome(run: Run, app: Flask) -> None:
    served = {
        "account_id": 1, "account_name": "work", "status": 200, "reason": "served", "detail": None,
        "started_at": now_ms(), "ended_at": now_ms(), "cooldown_until": None,
    }  # fmt: skip
    put(end(now_ms(), status=200, outcome="upstream_broke", attempts=[served]))
    (line,) = (line for line in run("top", "--once").out.splitlines() if line.startswith("req_"))
    assert "200  upstream broke  " in line


def test_nothing_at_all_is_shown_too(run: Run) -> None:
    told = run("top", "--once").out
    assert told.startswith("No server is up.  0 workers")
    assert "There is no account." in told
    assert "Nothing is running." in told
    assert "Nothing failed" in told


@pytest.mark.usefixtures("pool")
def test_programs_get_one_line_a_look(run: Run) -> None:
    ran = run("top", "--json", "--once")
    assert ran.out.count("\n") == 1
    found = json.loads(ran.out)
    assert (found["verdict"]["level"], found["requests_running"]) == ("warn", 1)
    assert [(one["account"]["name"], one["serves_now"]) for one in found["accounts"]] == [
        ("work", True),
        ("spare", False),
    ]
    assert found["accounts"][0]["pace"]["cost_today_usd"]
    assert found["failures"][0]["request"]["status"] == 529


def test_looks_of_programs_go_on_until_they_are_ended(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", sleep)
    ran = run("top", "--json", "--interval", "7")
    assert (ran.status, waits) == (0, [7, 7, 7])
    assert [json.loads(line)["workers"] for line in ran.out.splitlines()] == [0, 0, 0]


@pytest.mark.usefixtures("pool")
def test_change_of_another_process_is_seen_at_the_next_look(run: Run) -> None:
    service.resume("spare", SYSTEM)
    service.pause("work", None, SYSTEM)
    run("config", "set", "lb_strategy", "least-used")
    found = run("top", "--json", "--once").json
    assert (found["serving"]["account"], found["verdict"]["words"]) == (
        "spare",
        "Serving, with 1 of 2 accounts ready.",
    )
    assert found["serving"]["strategy"] == STRATEGIES["least-used"].label


@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize(("width", "height"), [(20, 5), (80, 24), (300, 100), (1, 1)])
def test_frame_fits_the_terminal(width: int, height: int) -> None:
    lines = top.frame(glance(runtime()), width, height)
    assert len(lines) <= height
    for line in lines:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
        assert "\x1b" not in plain
        places = sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in plain)
        assert places <= width


@pytest.mark.parametrize("value", ["0", "-1", "often", "nan"])
def test_interval_that_is_none_is_a_usage_error(run: Run, value: str) -> None:
    assert run("top", "--once", "--interval", value).status == 2


def test_database_that_is_away_fails_one_look(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_run: object) -> None:
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    monkeypatch.setattr(top, "glance", away)
    ran = run("top", "--once")
    assert (ran.status, ran.err) == (1, "Error: The database cannot be used now: database is locked\n")
