"""A valid credential for an account, usually without I/O; behind it, tokens that are refreshed in time."""

import logging
import threading
from time import monotonic

from flask import Flask

from app.accounts.refresh import FRESH_MS, Refresher, RefreshFailed
from app.accounts.secrets import AccountSecrets
from app.clock import now_ms
from app.values import Candidate, Secret

log = logging.getLogger(__name__)

_WAIT_S = 10.0
_SLOW_BENCH_MS = 20_000
_BENCH_MS = 60_000
_AHEAD_MS = 600_000
"""The background refreshes tokens this long before they expire, so that requests hardly ever have to."""


class NoCredential(Exception):
    """The account has no usable credential now. The message says why and is safe to show."""


class Credentials:
    """Hands out the credentials of accounts."""

    def __init__(self, app: Flask, refresher: Refresher) -> None:
        self._app = app
        self._refresher = refresher
        self._pool = refresher.pool
        self._flights: dict[int, _Flight] = {}

    def secret(self, candidate: Candidate) -> Secret:
        """Return a credential that is valid now. Raises NoCredential."""
        secrets = self._secrets(candidate.id)
        if secrets.api_key is not None:
            return Secret("api_key", secrets.api_key)
        if secrets.access_token is not None:
            left_ms = FRESH_MS if secrets.expires_at is None else secrets.expires_at - now_ms()
            if left_ms < FRESH_MS and self._may_refresh(candidate.id, secrets):
                self._start(candidate.id, secrets.generation)
            if left_ms > 0:
                return _bearer(secrets)
        return self._newer(candidate.id, secrets)

    def renew(self, candidate: Candidate, refused: Secret) -> Secret:
        """Return another credential than the one that the upstream refused. Raises NoCredential."""
        secrets = self._secrets(candidate.id)
        if secrets.api_key is not None:
            raise NoCredential("the upstream refused its API key")
        if secrets.access_token is not None and secrets.access_token != refused.value:
            return self.secret(candidate)
        return self._newer(candidate.id, secrets)

    def refresh_due(self, now: int) -> tuple[int, ...]:
        """Return the accounts whose tokens the background should refresh now; paused ones stay logged in, too."""
        due = []
        for candidate in self._pool.candidates():
            state = self._pool.state(candidate.id)
            if state is None or candidate.needs_reauth or state.secrets.refresh_token is None:
                continue
            expires_at, retry_at = state.secrets.expires_at, state.refresh_retry_at
            if expires_at is not None and expires_at - now < _AHEAD_MS and (retry_at is None or retry_at <= now):
                due.append(candidate.id)
        return tuple(due)

    def refresh(self, account_id: int) -> None:
        """Refresh an account's tokens now, or join the refresh that runs, and wait for its end. Raises NoCredential."""
        flight = self._start(account_id, self._secrets(account_id).generation)
        flight.done.wait()
        if flight.failure is not None:
            raise NoCredential(str(flight.failure))

    def settle(self, within_s: float) -> bool:
        """Wait for the refreshes that run, so that no rotated token is lost; return whether all have ended."""
        deadline = monotonic() + within_s
        for flight in tuple(self._flights.values()):
            flight.ended.wait(max(0.0, deadline - monotonic()))
        return not self._flights

    def _secrets(self, account_id: int) -> AccountSecrets:
        state = self._pool.state(account_id)
        if state is None:
            raise NoCredential("the account was removed")
        if state.secrets.fault is not None:
            raise NoCredential(state.secrets.fault)
        return state.secrets

    def _may_refresh(self, account_id: int, secrets: AccountSecrets) -> bool:
        state = self._pool.state(account_id)
        if state is None or secrets.refresh_token is None or state.candidate.needs_reauth:
            return False
        return state.refresh_retry_at is None or state.refresh_retry_at <= now_ms()

    def _newer(self, account_id: int, old: AccountSecrets) -> Secret:
        """Wait for a newer token than `old`, for a while."""
        if old.refresh_token is None:
            raise NoCredential("its token is not valid any more and it has no refresh token; log in again")
        if not self._may_refresh(account_id, old):
            raise self._refusal(account_id)
        flight = self._start(account_id, old.generation)
        if not flight.done.wait(_WAIT_S):
            self._bench(account_id, now_ms() + _SLOW_BENCH_MS)
            raise NoCredential(f"its refresh takes longer than {_WAIT_S:g} s")
        secrets = self._secrets(account_id)
        if secrets.generation > old.generation and secrets.access_token is not None:
            return _bearer(secrets)
        raise self._refusal(account_id, flight.failure)

    def _refusal(self, account_id: int, failure: RefreshFailed | None = None) -> NoCredential:
        """Return why there is no token, and let selection leave the account alone until the next try."""
        state = self._pool.state(account_id)
        if state is None:
            return NoCredential("the account was removed")
        if state.candidate.needs_reauth:
            return NoCredential("the log-in has ended; log in again")
        until = failure.until if failure is not None else state.refresh_retry_at
        if until is not None:
            self._bench(account_id, min(until, now_ms() + _BENCH_MS))
        return NoCredential(str(failure) if failure is not None else state.refresh_error or "its refresh failed")

    def _bench(self, account_id: int, until: int) -> None:
        state = self._pool.state(account_id)
        if state is None or (state.candidate.cooldown_until or 0) >= until or until <= now_ms():
            return
        fields = {"cooldown_until": until, "cooldown_reason": "auth"}
        self._pool.put(account_id, fields, fields | {"cooldown_at": now_ms()})

    def _start(self, account_id: int, than: int) -> "_Flight":
        """Return the refresh of an account that runs, or start one."""
        flight = self._flights.get(account_id)
        if flight is None or flight.done.is_set():
            flight = _Flight(flight)
            self._flights[account_id] = flight
            thread = threading.Thread(target=self._fly, args=(account_id, than, flight), name="refresh", daemon=True)
            thread.start()
        return flight

    def _fly(self, account_id: int, than: int, flight: "_Flight") -> None:
        try:
            if flight.before is not None:
                flight.before.ended.wait()
            with self._app.app_context():
                self._refresher.run(account_id, than, flight.done.set)
        except RefreshFailed as exc:
            flight.failure = exc
        except Exception:
            log.exception("a refresh failed in a way that nobody foresaw")
            flight.failure = RefreshFailed("its refresh failed", now_ms() + _BENCH_MS)
        finally:
            if self._flights.get(account_id) is flight:
                del self._flights[account_id]
            flight.done.set()
            flight.ended.set()


class _Flight:
    """One refresh that all who need it share. `done`: newer tokens are in force; `ended`: nothing is left to do."""

    def __init__(self, before: "_Flight | None") -> None:
        self.before = before
        self.done = threading.Event()
        self.ended = threading.Event()
        self.failure: RefreshFailed | None = None


def _bearer(secrets: AccountSecrets) -> Secret:
    return Secret("oauth", secrets.access_token or "")
