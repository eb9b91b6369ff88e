"""What one refresh does about everything that may happen between the lease and the commit."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from app.accounts import leases, refresh
from app.accounts.oauth import Credential, renew
from app.accounts.tokens import NoCredential
from app.clock import now_ms
from app.values import TokenPair
from tests.fakes.upstream import hold, invalid_grant, payload, rotates_then_cuts, rst, status, tokens
from tests.unit.accounts.logins import OPERATOR, Process, eventually

Start = Callable[[], Process]


def lost(step: dict[str, Any]) -> dict[str, Any]:
    """The step, but its answer never arrives."""
    return {**step, "end": {"how": "cut", "after": "request"}}


def test_pair_is_committed_before_it_is_used(here: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    here.add()
    used: list[int] = []
    use = refresh.Refresher._use

    def watch(self: refresh.Refresher, account_id: int, secrets: Any) -> None:
        used.append(here.row().secret_generation)
        use(self, account_id, secrets)

    monkeypatch.setattr(refresh.Refresher, "_use", watch)
    here.secret()
    assert used == [2]


def test_server_that_keeps_the_refresh_token_is_asked_with_it_again(here: Process) -> None:
    pair = here.add()
    here.up.script("*", tokens(rotate=False, without_refresh=True), on="token")
    first = here.secret()
    here.set(expires_at=1)
    here.load()
    assert here.secret() != first
    assert [seen.credential for seen in here.token_calls()] == [pair["refresh_token"]] * 2


def test_answer_that_was_lost_before_rotation_is_asked_for_once_more(here: Process) -> None:
    here.add()
    here.up.script("*", lost(status(500)), on="token")
    assert here.secret() in here.up.live_tokens()["access"]
    assert len(here.token_calls()) == 2


def test_answer_that_was_lost_after_rotation_is_asked_for_once_and_then_the_server_has_the_last_word(
    here: Process,
) -> None:
    pair = here.add()
    here.up.script("*", rotates_then_cuts(), on="token")
    with pytest.raises(NoCredential, match="log in again"):
        here.secret()
    assert [seen.credential for seen in here.token_calls()] == [pair["refresh_token"]] * 2
    assert here.row().needs_reauth_at is not None


def test_server_that_accepts_the_old_token_once_more_after_a_lost_answer_costs_nothing(here: Process) -> None:
    here.add()
    here.up.script("*", rotates_then_cuts(rotate=False), on="token")
    assert here.secret() in here.up.live_tokens()["access"]
    assert not here.candidate().needs_reauth


def test_answer_that_is_lost_twice_is_a_failure_like_another(here: Process) -> None:
    here.add()
    here.up.script("*", [rst("request"), rst("request")], on="token")
    with pytest.raises(NoCredential):
        here.secret()
    assert len(here.token_calls()) == 2
    assert not here.candidate().needs_reauth
    assert here.row().refresh_failures == 1


@pytest.mark.parametrize(
    ("step", "said"),
    [
        pytest.param(status(500), "500", id="server error"),
        pytest.param(status(429, retry_after=5), "429", id="rate limit"),
        pytest.param(status(403, "<html>blocked</html>"), "403", id="a page in between"),
        pytest.param(payload({"error": "invalid_client"}, 401), "invalid_client", id="our client is refused"),
        pytest.param(payload({"error": "invalid_grant"}, 503), "503", id="the word in a server error"),
        pytest.param(payload({"token_type": "Bearer"}), "no access token", id="an answer without a token"),
    ],
)
def test_other_failures_back_off_and_leave_the_log_in_alone(here: Process, step: dict[str, Any], said: str) -> None:
    here.add()
    here.up.script("*", step, on="token", forever=True)
    with pytest.raises(NoCredential, match=said):
        here.secret()
    row = here.row()
    assert (row.refresh_failures, row.needs_reauth_at, row.lease_owner) == (1, None, None)
    assert said in (row.refresh_error or "")


def test_server_that_is_not_there_is_asked_once(here: Process) -> None:
    here.add()
    refresher = here.credentials._refresher
    refresher.endpoints = type(refresher.endpoints)(
        **{
            name: "http://127.0.0.1:9/x" if name.endswith("url") else "x"
            for name in refresher.endpoints.__dataclass_fields__
        }
    )
    with pytest.raises(NoCredential, match=r"127\.0\.0\.1:9"):
        here.secret()
    assert here.row().refresh_failures == 1


@pytest.mark.parametrize(
    ("failures", "wait_ms"), [(0, 1000), (1, 2000), (2, 4000), (5, 32000), (6, 60000), (500, 60000)]
)
def test_pause_doubles_from_one_second_to_sixty(here: Process, failures: int, wait_ms: int) -> None:
    here.add()
    here.set(refresh_failures=failures)
    here.up.script("*", status(500), on="token")
    before = now_ms()
    with pytest.raises(NoCredential):
        here.secret()
    retry_at = here.row().refresh_retry_at
    assert retry_at is not None
    assert before + wait_ms <= retry_at <= now_ms() + wait_ms


def test_refusal_of_a_token_that_was_replaced_meanwhile_adopts_the_newer_pair(here: Process) -> None:
    here.add()
    newer = here.up.issue_tokens()
    here.up.script("*", hold("answer", invalid_grant()), on="token")
    found: list[str] = []
    asking = threading.Thread(target=lambda: found.append(here.secret()))
    asking.start()
    here.up.wait_until_held("answer")
    log_in_again(here, newer)
    here.up.release("answer")
    asking.join(10)
    assert found == [newer["access_token"]]
    assert here.row().needs_reauth_at is None
    assert len(here.token_calls()) == 1


def test_new_log_in_wins_over_a_refresh_that_ends_after_it(here: Process) -> None:
    here.add()
    newer = here.up.issue_tokens()
    here.up.script("*", hold("answer"), on="token")
    found: list[str] = []
    asking = threading.Thread(target=lambda: found.append(here.secret()))
    asking.start()
    here.up.wait_until_held("answer")
    log_in_again(here, newer)
    here.up.release("answer")
    asking.join(10)
    here.load()
    assert found == [newer["access_token"]]
    assert here.secret() == newer["access_token"]


def log_in_again(here: Process, pair: dict[str, Any]) -> None:
    with here.app.app_context():
        credential = Credential(TokenPair(pair["access_token"], pair["refresh_token"], pair["expires_at"]))
        renew(here.run.vault, "work", credential, OPERATOR)


class Refusing:
    """A database that refuses to store pairs until it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = threading.Event()
        store = leases.store_pair

        def refuse(*args: Any) -> bool:
            if not self.opened.is_set():
                raise OperationalError("UPDATE", {}, Exception("database is locked"))
            return store(*args)

        monkeypatch.setattr(leases, "store_pair", refuse)
        monkeypatch.setattr(refresh, "_INSIST_S", 0.01)


def test_pair_is_used_from_memory_while_the_database_is_locked_and_gets_in_afterwards(
    here: Process, new_process: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.add()
    refusing = Refusing(monkeypatch)
    fresh = here.secret()
    assert fresh in here.up.live_tokens()["access"]
    here.load()
    assert here.secret() == fresh
    assert here.row().secret_generation == 1
    assert not here.credentials.settle(0.05)
    refusing.opened.set()
    here.settle()
    assert here.row().secret_generation == 2
    assert new_process().secret() == fresh
    assert len(here.token_calls()) == 1


def late_holder(here: Process, new_process: Start) -> tuple[str, Process]:
    """Let one process hold a pair that the database refuses until its lease is over; return its token, and another."""
    here.add()
    fresh = here.secret()
    survivor = new_process()
    here.set(lease_owner=None, lease_until=None)
    return fresh, survivor


def test_pair_of_a_worker_that_was_killed_before_its_commit_is_found_on_disk(
    here: Process, new_process: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = Refusing(monkeypatch)
    fresh, survivor = late_holder(here, new_process)
    found: list[str] = []
    asking = threading.Thread(target=lambda: found.append(survivor.secret()))
    asking.start()
    refusing.opened.set()
    asking.join(10)
    here.settle()
    assert found == [fresh]
    assert len(here.token_calls()) == 1


def test_pair_that_gets_in_just_before_the_disk_is_looked_at_is_adopted_too(
    here: Process, new_process: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder's time was over, so another has the lease by then; the token that it would ask with is dead."""
    refusing = Refusing(monkeypatch)
    fresh, survivor = late_holder(here, new_process)
    rescue = survivor.credentials._refresher.rescue
    find = rescue.find

    def find_late(account_id: int, generation: int) -> TokenPair | None:
        refusing.opened.set()
        here.settle()
        return find(account_id, generation)

    monkeypatch.setattr(rescue, "find", find_late)
    assert survivor.secret() == fresh
    assert len(here.token_calls()) == 1


def test_pair_on_disk_is_adopted_without_asking_the_server(here: Process) -> None:
    here.add()
    left = here.up.issue_tokens()
    rescue = here.credentials._refresher.rescue
    account_id = here.candidate().id
    rescue.keep(account_id, 1, TokenPair(left["access_token"], left["refresh_token"], left["expires_at"]))
    assert here.secret() == left["access_token"]
    assert here.token_calls() == []
    assert rescue.find(account_id, 1) is None


def test_pair_on_disk_that_has_expired_meanwhile_is_refreshed_in_turn(here: Process) -> None:
    here.add()
    left = here.up.issue_tokens()
    account_id = here.candidate().id
    here.credentials._refresher.rescue.keep(account_id, 1, TokenPair("sk-ant-oat01-x", left["refresh_token"], 1))
    assert here.secret() in here.up.live_tokens()["access"]
    assert [seen.credential for seen in here.token_calls()] == [left["refresh_token"]]
    assert here.row().secret_generation == 3


def test_lease_of_another_host_is_waited_for(here: Process) -> None:
    here.add()
    here.set(lease_owner="another-host:1:x", lease_until=now_ms() + 600)
    assert here.secret() in here.up.live_tokens()["access"]
    assert now_ms() >= (here.row().refreshed_at or 0)
    assert here.row().lease_owner is None


def test_database_that_is_away_is_no_reason_to_refresh_without_a_lease(
    here: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.add()

    def away(*_args: Any) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    with monkeypatch.context() as patched:
        patched.setattr(leases, "take", away)
        with pytest.raises(NoCredential, match="database"):
            here.secret()
    assert here.token_calls() == []
    eventually(lambda: (here.run.pool.state(here.candidate().id).refresh_retry_at or 0) <= now_ms())
    assert here.secret()
