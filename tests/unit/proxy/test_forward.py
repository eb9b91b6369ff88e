"""The corridor on a real pool, with an upstream that is scripted in place of the network."""

import gzip
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.accounts.models import Account
from app.accounts.secrets import seal_into
from app.clock import now_ms
from app.db import transaction
from app.errors import CcflareError, UpstreamFailed
from app.flights import Flight, Landed
from app.proxy import forward as module
from app.proxy.forward import Corridor, Served
from app.runtime import runtime
from app.usage.recorder import Record
from app.values import Outbound, ProxyRequest
from config import Settings
from tests.unit.proxy.answers import EVENTS, JSON, Canned

WHOLE = b'{"type":"message","model":"m","content":[]}'
LIMITED = (("anthropic-ratelimit-unified-status", "rejected"), ("anthropic-ratelimit-unified-5h-status", "rejected"))
Step = Canned | UpstreamFailed


def served() -> Canned:
    """Return a good answer."""
    return Canned(WHOLE)


def refused(status: int, kind: str, *headers: tuple[str, str]) -> Canned:
    """Return an error."""
    body = json.dumps({"type": "error", "error": {"type": kind, "message": kind}}).encode()
    return Canned(body, status=status, headers=(*JSON, *headers))


def limited(in_s: int = 900) -> Canned:
    """Return a full 5 h window."""
    reset = str(int(time.time()) + in_s)
    return refused(429, "rate_limit_error", *LIMITED, ("anthropic-ratelimit-unified-5h-reset", reset))


def overloaded() -> Canned:
    """Return 529."""
    return refused(529, "overloaded_error")


class Network:
    """Answers by account and keeps what was sent."""

    def __init__(self) -> None:
        self.steps: dict[str, list[Step]] = {}
        self.sent: list[tuple[str, Outbound]] = []
        self.answers: list[Canned] = []
        self.look: Callable[[str], None] = lambda name: None

    def send(self, outbound: Outbound, is_repeatable: bool = True) -> Canned:
        """Play the next step of the account whose key came."""
        name = dict(outbound.headers)["x-api-key"].removeprefix("key-of-")
        self.look(name)
        self.sent.append((name, outbound))
        step = self.steps[name].pop(0) if self.steps.get(name) else served()
        if isinstance(step, UpstreamFailed):
            raise step
        self.answers.append(step)
        return step

    @property
    def asked(self) -> list[str]:
        """Who was asked, in order."""
        return [name for name, _ in self.sent]


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return Settings.load({**environment, "RETRY_DELAY_MS": "0"})


@pytest.fixture
def network(app: Flask) -> Network:
    made = Network()
    runtime().transport = made  # type: ignore[assignment]
    return made


def have(*names: str, **columns: Any) -> None:
    """Have these accounts, the first one with the best priority."""
    with transaction() as session:
        for priority, name in enumerate(names):
            row = Account(**{"priority": priority, **columns}, name=name, provider="console", created_at=1)
            session.add(row)
            session.flush()
            seal_into(row, runtime().vault, "api_key", f"key-of-{name}")
    runtime().pool.load()


def walk(path: str = "/v1/messages", **fields: Any) -> tuple[Served, Record]:
    """Send one request through."""
    given = {"headers": (), "body": b'{"model":"m"}', "model": "claude-sonnet-4-6"} | fields
    request = ProxyRequest(1, now_ms(), "POST", path, path, **given)
    record = Record(request, "session")
    return Corridor(runtime(), request, Flight(None, None), record).walk(), record


def refusal(**fields: Any) -> CcflareError:
    """Send one request through that nobody can serve, and return what is said."""
    with pytest.raises(CcflareError) as caught:
        walk(**fields)
    return caught.value


def test_best_account_serves(network: Network) -> None:
    have("a", "b")
    answer, record = walk()
    assert (answer.candidate.name, answer.opened.answer.status, network.asked) == ("a", 200, ["a"])
    assert [one["reason"] for one in record.attempts] == ["served"]


def test_record_says_why_the_first_account_came_first(network: Network) -> None:
    have("a", "b")
    assert walk()[1].why == "the best account starts a session"
    assert walk()[1].why == "it holds the session"
    network.steps["a"] = [limited()]
    assert walk()[1].why == "it holds the session", "the first, whoever served in the end"
    assert walk(forced_account="b")[1].why == "the request names it"


def test_cool_down_is_in_force_before_the_next_is_asked(network: Network) -> None:
    have("a", "b")
    network.steps["a"] = [limited()]
    seen: list[int | None] = []
    network.look = lambda name: seen.append(runtime().pool.candidates()[0].cooldown_until)
    walk()
    assert network.asked == ["a", "b"]
    assert seen[0] is None
    assert seen[1] is not None
    assert network.answers[0].is_closed


@pytest.mark.parametrize(("attempts", "alone", "with_others"), [("1", 1, 1), ("2", 2, 2), ("3", 3, 2), ("5", 5, 2)])
def test_account_is_asked_again_as_often_as_it_may_help(
    app: Flask, network: Network, settings: Settings, attempts: str, alone: int, with_others: int
) -> None:
    runtime().settings = Settings.load(
        {"CCFLARE_DATA_DIR": str(settings.data_dir), "RETRY_DELAY_MS": "0", "RETRY_ATTEMPTS": attempts}
    )
    have("a", "b")
    network.steps = {"a": [overloaded() for _ in range(9)], "b": [overloaded() for _ in range(9)]}
    answer, _ = walk()
    assert answer.opened.answer.status == 529
    assert network.asked == ["a"] * with_others + ["b"] * alone


def test_wait_between_tries_grows_under_full_jitter(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    have("a")
    runtime().settings = Settings.load({"RETRY_DELAY_MS": "1000", "RETRY_BACKOFF": "3", "RETRY_ATTEMPTS": "4"})
    slept: list[float] = []
    monkeypatch.setattr(module.random, "uniform", lambda low, high: high)
    monkeypatch.setattr(module.time, "sleep", slept.append)
    network.steps["a"] = [overloaded() for _ in range(3)]
    walk()
    assert slept == [1, 3, 9]


@pytest.mark.parametrize(
    ("path", "step", "tries"),
    [
        ("/v1/messages", lambda: refused(500, "api_error"), 3),
        ("/v1/messages/batches", lambda: refused(500, "api_error"), 1),
        ("/v1/messages/batches", overloaded, 3),
        ("/v1/messages/batches", lambda: UpstreamFailed("refused", phase="connect", sent=False), 3),
        ("/v1/messages", lambda: UpstreamFailed("cut", phase="head", sent=True), 1),
    ],
    ids=["message-500", "batch-500", "batch-529", "batch-never-sent", "message-cut"],
)
def test_what_may_have_had_an_effect_is_not_sent_again(
    network: Network, path: str, step: Callable[[], Step], tries: int
) -> None:
    have("a")
    network.steps["a"] = [step() for _ in range(9)]
    try:
        walk(path)
    except CcflareError:
        pass
    assert len(network.asked) == tries


def test_only_accounts_limit_is_passed_on(network: Network) -> None:
    have("a")
    network.steps["a"] = [limited()]
    answer, _ = walk()
    assert (answer.opened.answer.status, network.answers[0].is_closed) == (429, False)


def test_limits_of_all_are_summed_up(network: Network) -> None:
    have("a", "b")
    network.steps = {"a": [limited(900)], "b": [limited(30)]}
    error = refusal()
    assert (error.status, error.kind) == (429, "rate_limit_error")
    assert error.retry_after_s in (29, 30, 31)
    assert all(answer.is_closed for answer in network.answers)


def test_nobody_there_is_unavailable(network: Network) -> None:
    error = refusal()
    assert (error.status, error.kind, error.retry_after_s) == (503, "api_error", None)


def test_paused_account_is_not_asked_and_named(network: Network) -> None:
    have("a", paused_at=1)
    assert "a: paused" in refusal().message
    assert network.asked == []


def test_hold_waits_for_an_account_that_returns_in_time(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    have("a")
    runtime().settings = Settings.load({"CCFLARE_HOLD_MAX_S": "60"})
    until = now_ms() + 20_000
    runtime().pool.put(1, {"cooldown_until": until, "cooldown_reason": "quota"})

    def sleep(seconds: float) -> None:
        assert 15 < seconds <= 20
        runtime().pool.put(1, {"cooldown_until": None})

    monkeypatch.setattr(module.time, "sleep", sleep)
    answer, record = walk()
    assert answer.opened.answer.status == 200
    assert record.why == "the best account starts a session"


def test_hold_does_not_wait_for_what_comes_too_late(network: Network) -> None:
    have("a")
    runtime().settings = Settings.load({"CCFLARE_HOLD_MAX_S": "10"})
    runtime().pool.put(1, {"cooldown_until": now_ms() + 20_000, "cooldown_reason": "quota"})
    assert refusal().status == 429


def test_forced_account_is_never_replaced(network: Network) -> None:
    have("a", "b")
    network.steps["b"] = [refused(500, "api_error") for _ in range(9)]
    answer, _ = walk(forced_account="b")
    assert answer.opened.answer.status == 500
    assert set(network.asked) == {"b"}


def test_account_whose_secret_does_not_open_is_passed_over(network: Network) -> None:
    have("a", "b")
    with transaction() as session:
        row = session.get_one(Account, 1)
        row.api_key = session.get_one(Account, 2).api_key
    runtime().pool.load()
    answer, record = walk()
    assert (answer.candidate.name, network.asked) == ("b", ["b"])
    assert [one["reason"] for one in record.attempts] == ["auth", "served"]


def test_client_error_is_served_as_it_is(network: Network) -> None:
    have("a", "b")
    network.steps["a"] = [refused(400, "invalid_request_error")]
    answer, record = walk()
    assert (answer.opened.answer.status, network.asked) == (400, ["a"])
    assert [one["reason"] for one in record.attempts] == ["client"]
    assert runtime().pool.candidates()[0].cooldown_until is None


def test_session_begins_with_a_served_answer_only(network: Network) -> None:
    have("a", "b")
    network.steps["a"] = [refused(400, "invalid_request_error")]
    walk()
    assert [one.session_start for one in runtime().pool.candidates()] == [None, None]
    walk()
    starts = [one.session_start for one in runtime().pool.candidates()]
    assert starts[0] is not None
    assert starts[1] is None


@pytest.mark.parametrize(
    "step",
    [refused(502, "api_error"), UpstreamFailed("it closed", phase="head", sent=True)],
    ids=["answered", "lost"],
)
def test_request_that_may_have_had_its_effect_goes_to_nobody_else(network: Network, step: Step) -> None:
    have("a", "b")
    network.steps["a"] = [step]
    if isinstance(step, Canned):
        assert walk("/v1/messages/batches")[0].opened.answer.status == 502
    else:
        assert "a: tried" in refusal_of_batch().message
    assert network.asked == ["a"]


@pytest.mark.parametrize(
    "step",
    [refused(503, "api_error"), limited(), UpstreamFailed("refused", phase="connect", sent=False)],
    ids=["not taken", "limited", "not reached"],
)
def test_request_that_was_not_taken_goes_to_the_next(network: Network, step: Step) -> None:
    have("a", "b")
    network.steps["a"] = [step, step]
    answer, _ = walk("/v1/messages/batches")
    assert (answer.candidate.name, network.asked[-1]) == ("b", "b")


def refusal_of_batch() -> CcflareError:
    with pytest.raises(CcflareError) as caught:
        walk("/v1/messages/batches")
    return caught.value


def test_account_that_was_asked_when_the_client_left_is_on_the_record(network: Network) -> None:
    have("a")

    def leave(_name: str) -> None:
        raise Landed

    network.look = leave
    request = ProxyRequest(1, now_ms(), "POST", "/v1/messages", "/v1/messages", headers=(), body=b"{}")
    record = Record(request, "session")
    with pytest.raises(Landed):
        Corridor(runtime(), request, Flight(None, None), record).walk()
    assert record.account is not None
    assert record.account.name == "a"
    assert [(one["account_name"], one["reason"], one["status"]) for one in record.attempts] == [
        ("a", "unanswered", None)
    ]


def test_stream_that_ends_before_its_first_event_goes_to_the_next(network: Network) -> None:
    have("a", "b")
    network.steps["a"] = [Canned(b": hello\n\n", headers=EVENTS)]
    network.steps["b"] = [Canned(b"event: message_start\ndata: {}\n\n", headers=EVENTS)]
    answer, record = walk(stream=True)
    assert answer.candidate.name == "b"
    assert [one["reason"] for one in record.attempts] == ["upstream", "served"]


def test_name_of_the_model_is_replaced_in_a_compressed_body_too(network: Network) -> None:
    have("a", model_mappings='{"haiku": ["cheap"]}')
    body = gzip.compress(b'{"model":"claude-haiku-4-5","messages":[]}')
    headers = (("content-encoding", "gzip"), ("x-other", "1"))
    walk(body=body, headers=headers, model="claude-haiku-4-5")
    (_, sent), *_ = network.sent
    assert sent.body == b'{"model":"cheap","messages":[]}'
    assert "content-encoding" not in dict(sent.headers)
    walk(body=body, headers=headers, model="claude-sonnet-4-6")
    assert network.sent[1][1].body == body
