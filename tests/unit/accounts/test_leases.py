"""The lease on an account's tokens: one holder, fenced by the generation of the secrets."""

import os
import subprocess
import sys

import pytest

from app.accounts import leases
from app.accounts.leases import is_dead, new_owner
from app.clock import now_ms
from app.values import TokenPair
from tests.databases import ENGINES
from tests.unit.accounts.logins import Process

PAIR = TokenPair("sk-ant-oat01-new", "sk-ant-ort01-new", 1 << 50)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Every kind of database: the clock and the row locks are its own."""
    return str(request.param)


@pytest.fixture
def owned(here: Process) -> Process:
    here.add()
    return here


def take(here: Process, owner: str) -> bool:
    seen = leases.take(here.run.vault, here.candidate().id, owner)
    assert seen is not None
    return seen.is_ours


def test_one_of_two_gets_the_lease_until_it_lets_go(owned: Process) -> None:
    account_id = owned.candidate().id
    with owned.app.app_context():
        assert take(owned, "a")
        assert not take(owned, "b")
        leases.release(account_id, "b")
        assert not take(owned, "b")
        leases.release(account_id, "a")
        assert take(owned, "b")


def test_lease_ends_with_its_time(owned: Process) -> None:
    with owned.app.app_context():
        assert take(owned, "a")
        owned.set(lease_until=now_ms() - 1)
        assert take(owned, "b")
        assert not leases.extend(owned.candidate().id, 1, "a")


def test_lease_outlasts_a_call_of_the_token_server() -> None:
    from app.accounts.refresh import TIMEOUT_S  # noqa: PLC0415 - the figure that this one must exceed

    assert leases.LEASE_MS > TIMEOUT_S * 1000 + 10_000


def test_pair_is_stored_over_the_generation_that_was_read_and_no_other(owned: Process) -> None:
    account_id, vault = owned.candidate().id, owned.run.vault
    with owned.app.app_context():
        assert take(owned, "a")
        assert leases.store_pair(vault, account_id, 1, PAIR, "a")
        assert not leases.store_pair(vault, account_id, 1, PAIR, "a")
    row = owned.row()
    assert (row.secret_generation, row.lease_owner, row.lease_until) == (2, None, None)


def test_pair_that_was_rotated_under_a_lost_lease_is_stored_and_leaves_the_new_lease_alone(owned: Process) -> None:
    with owned.app.app_context():
        assert take(owned, "a")
        owned.set(lease_until=now_ms() - 1)
        assert take(owned, "b")
        assert leases.store_pair(owned.run.vault, owned.candidate().id, 1, PAIR, "a")
    assert owned.row().lease_owner == "b"


def test_late_pair_takes_back_that_a_new_log_in_is_needed(owned: Process) -> None:
    account_id = owned.candidate().id
    with owned.app.app_context():
        assert take(owned, "b")
        assert leases.require_login(account_id, 1, "b", "invalid_grant: unknown")
        assert owned.row().needs_reauth_at is not None
        assert leases.store_pair(owned.run.vault, account_id, 1, PAIR, "a")
    assert owned.row().needs_reauth_at is None


def test_new_log_in_is_not_required_of_secrets_that_were_replaced(owned: Process) -> None:
    account_id = owned.candidate().id
    with owned.app.app_context():
        assert leases.store_pair(owned.run.vault, account_id, 1, PAIR, "a")
        assert not leases.require_login(account_id, 1, "b", "invalid_grant: unknown")
    assert owned.row().needs_reauth_at is None


def test_stored_pair_ends_a_cooldown_for_want_of_a_token_and_no_other(owned: Process) -> None:
    for reason, expected in (("auth", None), ("quota", 1 << 50)):
        owned.set(cooldown_until=1 << 50, cooldown_reason=reason)
        generation = owned.row().secret_generation
        with owned.app.app_context():
            assert leases.store_pair(owned.run.vault, owned.candidate().id, generation, PAIR, "a")
        assert owned.row().cooldown_until == expected


def test_failure_is_noted_by_the_holder_alone(owned: Process) -> None:
    account_id = owned.candidate().id
    with owned.app.app_context():
        assert take(owned, "a")
        leases.note_failure(account_id, "b", 3, 1 << 50, "late")
        assert owned.row().refresh_failures == 0
        leases.note_failure(account_id, "a", 3, 1 << 50, "500")
    row = owned.row()
    assert (row.refresh_failures, row.refresh_error, row.lease_owner) == (3, "500", None)


def test_removed_account_has_no_lease(owned: Process) -> None:
    with owned.app.app_context():
        assert leases.take(owned.run.vault, 999, "a") is None


def test_process_that_lives_or_is_unknown_is_not_taken_for_dead() -> None:
    assert not is_dead(new_owner())
    assert not is_dead("another-host:1:abc")
    assert not is_dead(f"{new_owner().split(':')[0]}x:{2**22}:abc")
    assert len(new_owner()) <= 64
    assert str(os.getpid()) in new_owner()


def test_lease_of_a_killed_process_on_this_host_is_free_at_once(owned: Process) -> None:
    code = "from app.accounts.leases import new_owner; print(new_owner())"
    gone = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    with owned.app.app_context():
        owned.set(lease_owner=gone, lease_until=now_ms() + 60_000)
        assert take(owned, "b")
