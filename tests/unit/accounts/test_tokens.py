"""What a request gets as a credential, and what it waits for."""

import threading
from collections.abc import Callable

import pytest

from app.accounts import tokens
from app.accounts.tokens import NoCredential
from app.clock import now_ms
from app.values import Secret
from tests.fakes.upstream import Upstream, hold, invalid_grant, status
from tests.unit.accounts.logins import Process, eventually

Start = Callable[[], Process]


def test_token_with_time_left_is_used_without_any_call(here: Process) -> None:
    pair = here.add(left_s=3600)
    assert here.secret() == pair["access_token"]
    here.settle()
    assert here.token_calls() == []


def test_expired_token_is_refreshed_and_the_new_pair_committed(here: Process, new_process: Start) -> None:
    pair = here.add()
    fresh = here.secret()
    assert fresh not in ("", pair["access_token"])
    assert fresh in here.up.live_tokens()["access"]
    other = new_process()
    assert other.secret() == fresh
    assert other.row().secret_generation == 2
    assert len(here.token_calls()) == 1


def test_process_with_an_old_view_adopts_what_another_refreshed(here: Process, new_process: Start) -> None:
    here.add()
    other = new_process()
    fresh = here.secret()
    assert other.secret() == fresh
    assert len(here.token_calls()) == 1


def test_many_callers_in_two_processes_cause_one_refresh(here: Process, new_process: Start) -> None:
    here.add()
    both = (here, new_process())
    here.up.script("*", hold("answer"), on="token")
    found: list[str] = []
    threads = [threading.Thread(target=lambda one=one: found.append(one.secret())) for one in both for _ in range(20)]
    for thread in threads:
        thread.start()
    here.up.wait_until_held("answer")
    here.up.release("answer")
    for thread in threads:
        thread.join(15)
    assert len(found) == 40
    assert len(set(found)) == 1
    assert len(here.token_calls()) == 1


def test_token_with_three_minutes_left_is_used_while_its_refresh_runs(here: Process) -> None:
    pair = here.add(left_s=180)
    here.up.script("*", hold("answer"), on="token")
    assert here.secret() == pair["access_token"]
    here.up.wait_until_held("answer")
    assert here.secret() == pair["access_token"]
    here.up.release("answer")
    here.settle()
    assert here.secret() != pair["access_token"]
    assert len(here.token_calls()) == 1


def test_token_with_three_minutes_left_is_used_when_its_refresh_fails(here: Process) -> None:
    pair = here.add(left_s=180)
    here.up.script("*", status(500), on="token", forever=True)
    assert here.secret() == pair["access_token"]
    here.settle()
    assert here.secret() == pair["access_token"]
    here.settle()
    assert len(here.token_calls()) == 1
    assert here.candidate().cooldown_until is None


def test_failed_refresh_keeps_the_account_off_until_the_next_try(here: Process) -> None:
    here.add()
    here.up.script("*", status(500), on="token", forever=True)
    with pytest.raises(NoCredential, match="500"):
        here.secret()
    benched = here.candidate()
    assert benched.cooldown_reason == "auth"
    assert benched.cooldown_until == here.row().refresh_retry_at
    with pytest.raises(NoCredential, match="500"):
        here.secret()
    assert len(here.token_calls()) == 1


def test_refresh_that_works_again_ends_the_cooldown(here: Process) -> None:
    here.add()
    here.up.script("*", status(500), on="token")
    with pytest.raises(NoCredential):
        here.secret()
    eventually(lambda: here.row().refresh_retry_at <= now_ms())
    assert here.secret()
    assert here.candidate().cooldown_until is None
    assert here.row().cooldown_until is None
    assert here.row().refresh_failures == 0


def test_request_waits_for_a_slow_refresh_only_so_long_and_the_refresh_goes_on(
    here: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_WAIT_S", 0.2)
    here.add()
    here.up.script("*", hold("answer"), on="token")
    with pytest.raises(NoCredential, match="longer"):
        here.secret()
    assert here.candidate().cooldown_reason == "auth"
    here.up.release("answer")
    here.settle()
    assert here.candidate().cooldown_until is None
    assert here.secret() in here.up.live_tokens()["access"]
    assert len(here.token_calls()) == 1


def test_dead_log_in_is_shown_and_never_asked_again(here: Process, new_process: Start) -> None:
    here.add()
    here.up.script("*", invalid_grant(), on="token", forever=True)
    for _ in range(2):
        with pytest.raises(NoCredential, match="log in again"):
            here.secret()
    assert here.candidate().needs_reauth
    assert new_process().candidate().needs_reauth
    assert len(here.token_calls()) == 1


def test_refused_token_is_renewed_once_for_all_who_were_refused(here: Process) -> None:
    pair = here.add(left_s=3600)
    refused = here.credentials.secret(here.candidate())
    assert refused.value == pair["access_token"]
    newer = here.credentials.renew(here.candidate(), refused)
    assert newer.value != refused.value
    assert here.credentials.renew(here.candidate(), refused).value == newer.value
    assert len(here.token_calls()) == 1


def test_refused_token_is_not_handed_out_again_when_its_refresh_fails(here: Process) -> None:
    here.add(left_s=3600)
    refused = here.credentials.secret(here.candidate())
    here.up.script("*", status(503), on="token", forever=True)
    for _ in range(2):
        with pytest.raises(NoCredential):
            here.credentials.renew(here.candidate(), refused)
    assert len(here.token_calls()) == 1


def test_account_without_refresh_token_says_what_to_do(here: Process) -> None:
    pair = here.up.issue_tokens()
    here.add(pair={**pair, "refresh_token": None})
    with pytest.raises(NoCredential, match="log in again"):
        here.secret()


def test_removed_account_has_no_credential(here: Process) -> None:
    here.add(left_s=3600)
    gone = here.candidate()
    here.run.pool._states.clear()
    with pytest.raises(NoCredential, match="removed"):
        here.credentials.secret(gone)


@pytest.mark.parametrize(
    ("left_s", "columns", "due"),
    [
        pytest.param(3600, {}, False, id="an hour left"),
        pytest.param(500, {}, True, id="minutes left"),
        pytest.param(-5, {}, True, id="expired"),
        pytest.param(500, {"paused_at": 1, "paused_by": "someone"}, True, id="paused"),
        pytest.param(500, {"needs_reauth_at": 1}, False, id="needs a new log-in"),
        pytest.param(500, {"refresh_retry_at": 1}, True, id="failed long ago"),
        pytest.param(500, {"refresh_retry_at": 1 << 50}, False, id="backing off"),
        pytest.param(500, {"refresh_token": None}, False, id="cannot be refreshed"),
    ],
)
def test_background_knows_which_tokens_are_due(
    here: Process, left_s: float, columns: dict[str, int | str | None], due: bool
) -> None:
    here.add(left_s=left_s)
    if columns:
        here.set(**columns)
    here.load()
    assert here.credentials.refresh_due(now_ms()) == ((here.candidate().id,) if due else ())


def test_background_refresh_waits_for_its_end(here: Process, up: Upstream) -> None:
    here.add(left_s=500)
    here.credentials.refresh(here.candidate().id)
    assert here.secret() in up.live_tokens()["access"]
    up.script("*", status(500), on="token")
    with pytest.raises(NoCredential, match="500"):
        here.credentials.refresh(here.candidate().id)


def test_api_key_is_handed_out_as_such(here: Process) -> None:
    here.add()
    state = here.run.pool.state(here.candidate().id)
    assert state is not None
    state.secrets = type(state.secrets)(api_key="sk-ant-api03-x", generation=7)
    assert here.credentials.secret(here.candidate()) == Secret("api_key", "sk-ant-api03-x")
    with pytest.raises(NoCredential, match="API key"):
        here.credentials.renew(here.candidate(), Secret("api_key", "sk-ant-api03-x"))
