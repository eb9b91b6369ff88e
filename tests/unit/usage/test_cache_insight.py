import json
from typing import Any

from flask import Flask

from app.runtime import runtime
from app.usage.cache_insight import explained
from app.usage.capture import Capture
from app.usage.payloads import seal
from app.usage.queries import request_detail
from tests.unit.usage.records import NOW, end, put


def turn(at: int, system: str | None, read: int, written: int, messages: int = 1) -> int:
    head = end(NOW + at, session_id="s", tokens=[10, 10, read, written, 0, 0])
    if system is None:
        put(head)
        return int(head["id"])
    asked: dict[str, Any] = {"system": system, "messages": [{"role": "user", "content": "hi"}] * messages}
    blob = seal(runtime().vault, head["id"], (), json.dumps(asked).encode(), (), Capture(0), 1 << 20)
    put(head, blob=blob)
    return int(head["id"])


def test_block_that_changed_is_the_cause(app: Flask) -> None:
    turn(0, "today is Monday", 0, 50_000)
    lost = request_detail(turn(1000, "today is Tuesday", 0, 50_000)).cache_loss
    assert lost is not None
    assert lost.cause == "unknown"
    found = explained(lost, runtime().vault)
    assert (found.cause, found.detail) == ("prefix_changed", "block 1 of 3, system, changed")
    assert found.rewrite_micro_usd == lost.rewrite_micro_usd == 50_000 * 3.45


def test_prompt_that_only_grew_was_dropped_by_the_provider(app: Flask) -> None:
    turn(0, "x", 0, 50_000)
    lost = request_detail(turn(1000, "x", 0, 50_000, messages=2)).cache_loss
    assert lost is not None
    found = explained(lost, runtime().vault)
    assert found.cause == "unknown"
    assert "only grew" in found.detail


def test_without_bodies_the_cause_stays_unknown(app: Flask) -> None:
    turn(0, None, 0, 50_000)
    lost = request_detail(turn(1000, "x", 0, 50_000)).cache_loss
    assert lost is not None
    assert explained(lost, runtime().vault) == lost


def test_cause_that_the_rows_tell_needs_no_bodies(app: Flask) -> None:
    turn(0, None, 0, 50_000)
    lost = request_detail(turn(400_000, None, 0, 50_000)).cache_loss
    assert lost is not None
    assert explained(lost, runtime().vault) is lost
    assert lost.cause == "idle"
