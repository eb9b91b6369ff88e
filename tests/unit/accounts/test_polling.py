from dataclasses import replace

import pytest

from app.accounts.oauth import endpoints_of
from app.accounts.polling import LONGEST_BACK_OFF_MS, Poller, can_be_polled
from app.accounts.turns import Turn
from app.clock import now_ms
from app.values import Candidate, Verdict, Window
from tests.fakes.upstream import payload, status, usage
from tests.unit.accounts.logins import Process

EVERY_MS = 90_000
USAGE = "/api/oauth/usage"


def poller(process: Process) -> Poller:
    run = process.run
    return Poller(run.pool, run.credentials, run.transport, endpoints_of(run.settings), EVERY_MS)


def polled(process: Process, last: Turn | None = None) -> Turn:
    with process.app.app_context():
        turn = poller(process).poll(process.candidate(), last)
    assert turn is not None
    return turn


def windows(process: Process) -> dict[str, Window]:
    return {window.kind: window for window in process.candidate().windows}


@pytest.fixture
def work(here: Process) -> Process:
    here.add(left_s=3600)
    return here


@pytest.mark.parametrize("shape", ["flat", "limits", "both", "unknown"])
def test_polled_windows_are_in_force_with_their_source(work: Process, shape: str) -> None:
    work.up.script("*", usage(shape, five_hour=42.0), on="usage")  # type: ignore[arg-type]
    before = now_ms()
    turn = polled(work)
    five = windows(work)["5h"]
    assert (five.utilization, five.source, five.status) == (0.42, "poll", None)
    assert five.seen_at >= before
    assert (turn.error, turn.failures, turn.is_asked_to_wait) == (None, 0, False)
    assert 0.8 * EVERY_MS <= turn.next_at - turn.at <= 1.2 * EVERY_MS


def test_answer_without_any_window_is_no_failure(work: Process) -> None:
    work.up.script("*", usage("nulls"), on="usage")
    assert polled(work).error is None
    assert windows(work) == {}


def test_value_of_a_header_that_came_later_wins(work: Process) -> None:
    candidate = work.candidate()
    newer = Window("5h", 0.9, None, "allowed", now_ms() + 60_000, "header")
    with work.app.app_context():
        work.run.pool.note_windows(candidate.id, Verdict("served", "serve", windows=(newer,)), now_ms())
    work.up.script("*", usage(five_hour=10.0), on="usage")
    polled(work)
    assert windows(work)["5h"] == newer
    assert windows(work)["7d"].source == "poll"


def test_429_of_the_usage_endpoint_is_waited_out_and_not_taken_for_the_accounts_limit(work: Process) -> None:
    work.up.script("*", status(429, retry_after=1234), on="usage")
    turn = polled(work)
    assert turn.next_at - turn.at == 1_234_000
    assert turn.is_asked_to_wait
    assert turn.error == "the usage endpoint answered 429"
    assert (work.candidate().cooldown_until, work.row().cooldown_until) == (None, None)
    assert not work.candidate().paused


def test_short_retry_after_does_not_make_polls_faster(work: Process) -> None:
    work.up.script("*", status(429, retry_after=1), on="usage")
    turn = polled(work)
    assert turn.next_at - turn.at == EVERY_MS


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(status(500), id="500"),
        pytest.param(status(401), id="401"),
        pytest.param(status(429), id="429 without a wait"),
        pytest.param(payload("<html>maintenance</html>"), id="no JSON"),
        pytest.param(payload([1, 2]), id="no object"),
    ],
)
def test_failures_back_off_and_touch_nothing_of_the_account(work: Process, step: dict[str, object]) -> None:
    work.up.script("*", [step], on="usage", forever=True)
    before = work.candidate()
    first = polled(work)
    third = polled(work, replace(first, failures=2))
    assert (first.failures, third.failures) == (1, 3)
    assert not first.is_asked_to_wait
    assert first.error
    assert 0.8 * EVERY_MS <= first.next_at - first.at <= 1.2 * EVERY_MS
    assert 3.2 * EVERY_MS <= third.next_at - third.at <= 4.8 * EVERY_MS
    last = polled(work, replace(first, failures=50))
    assert last.next_at - last.at <= 1.2 * LONGEST_BACK_OFF_MS
    assert work.candidate() == before


def test_paused_account_is_polled_and_stays_paused_for_its_reason(work: Process) -> None:
    work.set(paused_at=1, paused_by="user:ann", pause_reason="overage")
    work.load()
    work.up.script("*", usage(five_hour=7.0), on="usage")
    assert can_be_polled(work.candidate())
    polled(work)
    work.load()
    row = work.row()
    assert (row.paused_at, row.paused_by, row.pause_reason) == (1, "user:ann", "overage")
    assert windows(work)["5h"].utilization == 0.07


def test_poll_goes_out_as_what_it_is(work: Process) -> None:
    polled(work)
    (seen,) = work.up.requests(path=USAGE)
    assert seen.method == "GET"
    assert "ccflare" in (seen.header("user-agent") or "")
    assert seen.header("anthropic-beta") == "oauth-2025-04-20"


@pytest.mark.parametrize(
    ("candidate", "can"),
    [
        pytest.param(Candidate(1, "a", "max"), True, id="subscription"),
        pytest.param(Candidate(1, "a", "max", paused=True), True, id="paused"),
        pytest.param(Candidate(1, "a", "max", cooldown_until=9**15), True, id="cooling"),
        pytest.param(Candidate(1, "a", "max", needs_reauth=True), False, id="log-in ended"),
        pytest.param(Candidate(1, "a", "zai"), True, id="plan"),
        pytest.param(Candidate(1, "a", "console"), False, id="pay as you go"),
        pytest.param(Candidate(1, "a", "from a newer version"), False, id="unknown mode"),
    ],
)
def test_who_is_polled(candidate: Candidate, can: bool) -> None:
    assert can_be_polled(candidate) is can
