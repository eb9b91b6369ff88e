"""What is written of a request when it starts and when it ends."""

from pathlib import Path
from typing import Any

import pytest

from app.usage.journal import Entry, Journal, decode, journals
from app.usage.meter import Reading
from app.usage.payloads import open_payload
from app.usage.recorder import Record, Recorder, RecordOptions
from app.values import Candidate, Ineligible, Outcome, ProxyRequest, Tokens, Verdict
from app.vault import keyring, new_key

VAULT = keyring(new_key())
REQUEST = ProxyRequest(
    id=77,
    received_at=1000,
    method="POST",
    target="/v1/messages?beta=true",
    path="/v1/messages",
    headers=(("x-api-key", "canary"),),
    body=b"0123456789",
    model="claude-sonnet-4-6",
    stream=True,
    session_id="s",
    agent_id="a",
    parent_agent_id="p",
    key_id="deadbeef",
)
READING = Reading(
    tokens=Tokens(1, 2, 3, 4, 5, 6), model="claude-s", stop_reason="end_turn", first_token_at=1010, complete=True
)
ACCOUNT = Candidate(id=3, name="work", provider="console")


def recorder(folder: Path, **options: Any) -> Recorder:
    """Return a recorder on a journal of its own."""
    return Recorder(Journal(folder), VAULT, RecordOptions(**options))


def written(folder: Path) -> list[Entry]:
    """Return all records of a folder."""
    return [entry for path in journals(folder) for entry in decode(path.read_bytes())]


def finished(folder: Path, outcome: Outcome = "complete", **fields: Any) -> dict[str, Any]:
    """Record an end and return its head."""
    one = recorder(folder)
    one.finish(Record(REQUEST, "session", **fields), outcome)
    one.close()
    (entry,) = written(folder)
    return entry.head


def test_start_tells_what_is_known_of_a_running_request(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    one.begin(Record(REQUEST, "session"))
    one.close()
    (entry,) = written(tmp_path)
    assert entry.head["kind"] == "start"
    names = ("id", "started_at", "model", "stream", "session_id", "key_id")
    assert [entry.head[name] for name in names] == [77, 1000, "claude-sonnet-4-6", True, "s", "deadbeef"]
    assert entry.head["worker"] in journals(tmp_path)[0].name
    assert entry.blob == b""


def test_end_tells_all(tmp_path: Path) -> None:
    head = finished(
        tmp_path,
        account=ACCOUNT,
        status=200,
        reading=READING,
        refused=(Ineligible(4, "spare", "paused", None),),
        losses=("top_k",),
        user_agent="pytest",
        upstream_request_id="req_up",
        answer_bytes=55,
    )
    assert head["kind"] == "end"
    assert (head["account_id"], head["account_name"], head["provider"]) == (3, "work", "console")
    assert head["tokens"] == [1, 2, 3, 4, 5, 6]
    assert (head["model_served"], head["stop_reason"], head["is_partial"]) == ("claude-s", "end_turn", False)
    assert head["refused"] == [["spare", "paused", None]]
    assert (head["losses"], head["request_bytes"], head["answer_bytes"]) == (["top_k"], 10, 55)
    assert (head["agent_id"], head["parent_agent_id"], head["path"]) == ("a", "p", "/v1/messages")


def test_request_that_was_never_served_has_no_account_and_no_tokens(tmp_path: Path) -> None:
    head = finished(tmp_path, "refused", status=503, error="nobody")
    assert "account_id" not in head
    assert "tokens" not in head
    assert (head["outcome"], head["error"], head["attempts"]) == ("refused", "nobody", [])


@pytest.mark.parametrize(
    ("outcome", "complete", "is_partial"),
    [("complete", True, False), ("client_gone", False, True), ("client_gone", True, False), ("complete", False, False)],
)
def test_partial_is_what_ended_before_its_end(
    tmp_path: Path, outcome: Outcome, complete: bool, is_partial: bool
) -> None:
    head = finished(tmp_path, outcome, status=200, reading=Reading(tokens=Tokens(output=3), complete=complete))
    assert head["is_partial"] is is_partial


def test_error_of_the_answer_is_told_unless_there_is_a_better_one(tmp_path: Path) -> None:
    reading = Reading(error=("overloaded_error", "Overloaded"))
    assert finished(tmp_path / "1", reading=reading)["error"] == "overloaded_error: Overloaded"
    assert finished(tmp_path / "2", reading=reading, error="cut")["error"] == "cut"


def test_attempts_are_told_in_order(tmp_path: Path) -> None:
    record = Record(REQUEST, "session")
    record.attempted(ACCOUNT, 1000, 429, Verdict("quota", "next", detail="full"), 9000)
    record.attempted(ACCOUNT, 1001, 200, Verdict("served", "serve"))
    one = recorder(tmp_path)
    one.finish(record, "complete")
    one.close()
    tries = written(tmp_path)[0].head["attempts"]
    assert [(one["status"], one["reason"], one["detail"], one["cooldown_until"]) for one in tries] == [
        (429, "quota", "full", 9000),
        (200, "served", None, None),
    ]


@pytest.mark.parametrize(
    ("payloads", "outcome", "status", "is_kept"),
    [
        ("all", "complete", 200, True),
        ("errors", "complete", 200, False),
        ("errors", "complete", 400, True),
        ("errors", "client_gone", 200, True),
        ("errors", "refused", None, True),
        ("off", "complete", 500, False),
    ],
)
def test_payloads_are_kept_as_the_setting_says(
    tmp_path: Path, payloads: str, outcome: Outcome, status: int | None, is_kept: bool
) -> None:
    one = recorder(tmp_path, payloads=payloads, payload_max_bytes=4)
    record = Record(REQUEST, "session", status=status, capture=one.capture())
    assert (record.capture is None) is (payloads == "off")
    if record.capture is not None:
        record.capture.add(b"abcdef")
    one.finish(record, outcome)
    one.close()
    (entry,) = written(tmp_path)
    assert bool(entry.blob) is is_kept
    assert b"canary" not in entry.blob
    if is_kept:
        kept = open_payload(VAULT, 77, entry.blob)
        assert (kept.request_body, kept.answer_body, kept.answer_dropped) == (b"0123", b"abcd", 2)
