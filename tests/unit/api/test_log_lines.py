"""The log over the API."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api import log_lines
from app.gate import streams
from app.logs import Follower, log_path
from app.runtime import runtime
from tests.unit.api.conftest import Call
from tests.unit.api.test_live import events

LINE = "2026-01-01T00:00:0{0}.000Z {1:<7} app.test it is {0}\n"


@pytest.fixture
def log(app: Flask) -> Path:
    path = log_path(runtime().settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(LINE.format(1, "INFO") + LINE.format(2, "WARNING") + LINE.format(3, "ERROR"))
    return path


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "123"),
        ("?level=warn", "23"),
        ("?limit=1", "3"),
        ("?limit=1&level=info", "3"),
        ("?q=is+2", "2"),
        ("?q=no", ""),
    ],
)
def test_last_lines_are_listed(call: Call, log: Path, query: str, found: str) -> None:
    lines = call("GET", f"/api/logs/history{query}").get_json()
    assert "".join(line["message"][-1] for line in lines) == found


def test_new_lines_come_as_events_and_can_be_caught_up_with(
    call: Call, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_LOOK_S", 0.0)
    news = events(call("GET", "/api/logs/stream?level=warn", buffered=False))
    _, greeting = islice(news, 2)
    with log.open("a") as file:
        file.write(LINE.format(4, "INFO") + LINE.format(5, "ERROR"))
    line = next(news)
    assert json.loads(line["data"])["message"] == "it is 5"
    with log.open("a") as file:
        file.write(LINE.format(6, "ERROR"))
    for place, first in ((greeting["id"], "it is 5"), (line["id"], "it is 6")):
        again = events(call("GET", "/api/logs/stream?level=warn", headers={"Last-Event-ID": place}, buffered=False))
        _, _, missed = islice(again, 3)
        assert json.loads(missed["data"])["message"] == first


def test_log_is_for_admins(viewer: FlaskClient) -> None:
    assert viewer.get("/api/logs/history").status_code == 403
    assert viewer.get("/api/logs/stream").status_code == 403


def test_stream_looks_for_its_place_off_the_loop(call: Call, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offloaded = []

    def noted(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        offloaded.append(function)
        return function(*args, **kwargs)

    monkeypatch.setattr(log_lines, "offload", noted)
    call("GET", "/api/logs/stream", headers={"Last-Event-ID": "1-0"}, buffered=False).close()
    assert offloaded == [Follower]
