"""Every request leaves one record: tokens by class, cost, times, attempts, and a payload without credentials."""

import pytest

from app.usage.payloads import open_payload
from tests.fakes.upstream import Upstream, message, mid_stream_error, overloaded
from tests.integration.calls import OWN_KEY, ask, body_of, call
from tests.integration.installation import Installation, Row, key_of
from tests.integration.server import Server

USAGE = {
    "input_tokens": 1000,
    "output_tokens": 500,
    "cache_read_input_tokens": 2000,
    "cache_creation_input_tokens": 700,
    "cache_creation": {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 300},
}


@pytest.fixture(scope="module", autouse=True)
def _account(installation: Installation) -> None:
    installation.accounts("a")


def tokens_of(record: Row) -> tuple[int | None, ...]:
    """Return the tokens by class."""
    names = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
    return tuple(record[f"{name}_tokens"] for name in names)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_tokens_and_cost_by_class(server: Server, installation: Installation, upstream: Upstream, stream: bool) -> None:
    upstream.script(key_of("a"), message(usage=USAGE, events=10))
    record = installation.record(ask(server, stream=stream))
    assert tokens_of(record) == (1000, 500, 2000, 400, 300)
    costs = [record[f"{name}_cost"] for name in ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")]
    assert costs == [3000, 7500, 600, 1500, 1800], "micro-USD at 3 / 15 / 0.30 / 3.75 / 6 USD per million"
    assert record["cost"] == sum(costs)
    assert record["price_version"]
    assert (record["model"], record["model_served"]) == ("claude-sonnet-4-6", "claude-sonnet-4-6")
    assert (record["stop_reason"], record["is_partial"], bool(record["stream"])) == ("end_turn", 0, stream)


def test_times_are_in_order_and_speed_is_known(server: Server, installation: Installation, upstream: Upstream) -> None:
    upstream.script(key_of("a"), message(events=20, event_delay_s=0.01, usage={"output_tokens": 200}))
    record = installation.record(ask(server, stream=True))
    times = [record[name] for name in ("started_at", "first_byte_at", "first_token_at", "ended_at")]
    assert times == sorted(times)
    assert record["ended_at"] - record["first_token_at"] >= 150
    assert 0 < record["tokens_per_s"] < 200 / 0.15
    (attempt,) = installation.attempts(record)
    assert record["started_at"] <= attempt["started_at"] <= attempt["ended_at"] <= record["ended_at"]


def test_unknown_stays_unknown(server: Server, installation: Installation, upstream: Upstream) -> None:
    record = installation.record(call(server, "GET", "/v1/models?limit=1"))
    assert tokens_of(record) == (None,) * 5
    assert (record["cost"], record["model"], record["first_token_at"], record["session_id"]) == (None,) * 4
    assert (record["method"], record["path"], record["outcome"]) == ("GET", "/v1/models", "complete")
    record = installation.record(ask(server, model="claude-of-tomorrow"))
    assert record["cost"] is None
    assert record["output_tokens"] is not None


def test_counts_and_sizes(server: Server, installation: Installation, upstream: Upstream) -> None:
    before = installation.scalar("SELECT request_count FROM accounts")
    answer = ask(server, prompt="size", headers=[("User-Agent", "pytest/1")])
    record = installation.record(answer)
    assert record["request_bytes"] == len(body_of("size"))
    assert record["answer_bytes"] == len(answer.body)
    assert record["upstream_request_id"] == answer.header("request-id")
    assert record["user_agent"] == "pytest/1"
    assert installation.scalar("SELECT request_count FROM accounts") == before + 1
    assert installation.scalar("SELECT last_used_at FROM accounts") == record["started_at"]


def test_attempts_are_rows(server: Server, installation: Installation, upstream: Upstream) -> None:
    upstream.script(key_of("a"), [overloaded(), overloaded(), message()])
    record = installation.record(ask(server))
    attempts = installation.attempts(record)
    assert [(one["position"], one["status"], one["reason"]) for one in attempts] == [
        (0, 529, "overloaded"),
        (1, 529, "overloaded"),
        (2, 200, "served"),
    ]
    assert attempts[0]["detail"] == "overloaded_error: Overloaded"


def test_stream_that_ends_in_an_error_is_partial(
    server: Server, installation: Installation, upstream: Upstream
) -> None:
    upstream.script(key_of("a"), mid_stream_error(after_events=5, usage={"input_tokens": 9, "output_tokens": 90}))
    record = installation.record(ask(server, stream=True))
    assert (record["outcome"], record["is_partial"]) == ("upstream_broke", 1)
    assert tokens_of(record)[:2] == (9, 3)


def test_payload_is_kept_without_credentials(server: Server, installation: Installation, upstream: Upstream) -> None:
    headers = [("Cookie", "session=very-secret"), ("X-Kept", "yes")]
    answer = ask(server, prompt="Remember this", stream=True, headers=headers)
    record = installation.record(answer)
    sealed = installation.scalar("SELECT content FROM payloads WHERE request_id = ?", record["id"])
    kept = open_payload(installation.parts.vault, record["id"], sealed)
    assert kept.request_body == body_of("Remember this", stream=True)
    assert kept.answer_body == answer.body
    fields = dict(kept.request_headers)
    assert (fields["x-kept"], fields["x-api-key"], fields["cookie"]) == ("yes", "[redacted]", "[redacted]")
    assert "[redacted]" in dict(kept.answer_headers)["set-cookie"]


def test_no_credential_is_anywhere_on_the_disk(server: Server, installation: Installation, upstream: Upstream) -> None:
    answer = ask(server, headers=[("Authorization", "Bearer sk-ant-oat01-a-log-in")])
    installation.record(answer)
    files = [path for path in server.folder.rglob("*") if path.is_file()]
    assert any(path.name.startswith("ccflare.db") for path in files)
    for path in files:
        content = path.read_bytes()
        for secret in (key_of("a"), OWN_KEY, "sk-ant-oat01-a-log-in"):
            assert secret.encode() not in content, path
        assert b"Remember this" not in content, "payloads are sealed"
