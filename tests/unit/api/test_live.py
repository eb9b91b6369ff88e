"""Requests as they happen, as events."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.clock import now_ms
from app.gate import streams
from app.usage import feed
from app.values import id_text
from tests.unit.api.conftest import Call
from tests.unit.usage.records import end, put, start


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look without waiting."""
    monkeypatch.setattr(streams, "_LOOK_S", 0.0)
    monkeypatch.setattr(feed, "READ_EVERY_S", 0.0)


def events(answer: TestResponse) -> Iterator[dict[str, str]]:
    """Yield the fields of each event."""
    for piece in answer.iter_encoded():
        for block in piece.decode().split("\n\n")[:-1]:
            yield dict(line.split(": ", 1) for line in block.splitlines())


def listen(call: Call, last_event_id: str | None = None) -> Iterator[dict[str, str]]:
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    answer = call("GET", "/api/requests/stream", headers=headers, buffered=False)
    assert answer.status_code == 200
    return events(answer)


def payload(event: dict[str, str]) -> Any:
    return json.loads(event["data"])


def test_request_appears_when_it_begins_and_changes_when_it_ends(call: Call) -> None:
    news = listen(call)
    assert next(news) == {"retry": "500"}
    assert next(news) == {"event": "connected", "id": "0", "data": "ok"}
    head = end(now_ms())
    put(start(head))
    begun = next(news)
    assert (payload(begun)["type"], payload(begun)["payload"]["id"]) == ("start", id_text(head["id"]))
    put(head)
    ended = next(news)
    assert (payload(ended)["type"], payload(ended)["payload"]["statusCode"]) == ("summary", 200)
    assert (begun["id"], ended["id"]) == ("1", "2")


def test_reader_that_comes_back_gets_what_it_missed(call: Call) -> None:
    at = now_ms()
    heads = [end(at + number) for number in range(3)]
    put(*heads)
    _, greeting, *missed = islice(listen(call, "1"), 4)
    assert greeting == {"event": "connected", "data": "ok"}, "its id would hide what comes next"
    assert [payload(event)["payload"]["id"] for event in missed] == [id_text(head["id"]) for head in heads[1:]]


def test_reader_that_missed_too_much_is_told(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_MOST", 1)
    put(end(now_ms()), end(now_ms() + 1))
    _, _, told = islice(listen(call, "0"), 3)
    assert (told["event"], told["id"]) == ("reset", "2")


def test_list_says_from_where_to_listen(call: Call) -> None:
    put(end(now_ms()))
    page = call("GET", "/api/requests").get_json()
    head = end(now_ms() + 1)
    put(head)
    *_, event = islice(listen(call, str(page["lastEventId"])), 3)
    assert payload(event)["payload"]["id"] == id_text(head["id"])


@pytest.mark.parametrize("number", ["x", "-1", "1e9", "9" * 19])
def test_foreign_id_is_refused(app: Flask, call: Call, number: str) -> None:
    assert call("GET", "/api/requests/stream", headers={"Last-Event-ID": number}).status_code == 400


def test_viewer_may_listen(viewer: FlaskClient) -> None:
    answer = viewer.get("/api/requests/stream", buffered=False)
    assert next(islice(events(answer), 1, None))["event"] == "connected"
