"""One refresh of one account's tokens, from the lease to the commit; runs on a thread or greenlet of its own.

The old refresh token is dead once the server has handed out its successor, so between the two the successor must reach
the disk: it is written there at once (`Rescue`), then to the database, and used only after that. Left is the time in
which the answer is on the wire, or not yet written: a worker killed then loses it, and the server must let the old
token count once more, or the account needs a new log-in.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from app.accounts import leases
from app.accounts.leases import Seen
from app.accounts.pool import Pool
from app.accounts.rescue import Rescue
from app.accounts.secrets import AccountSecrets
from app.accounts.turns import backed_off_ms
from app.clock import now_ms
from app.db import offload
from app.errors import UpstreamFailed
from app.fetch import Fetched, fetch
from app.providers import PROVIDERS
from app.transport import Transport
from app.values import OAuthEndpoints, TokenPair
from app.vault import Vault

log = logging.getLogger(__name__)

FRESH_MS = 300_000
"""A token is refreshed when less than this is left."""
TIMEOUT_S = 60.0
"""Of one call. Long, because giving up on a slow server that rotates costs the account."""

_POLL_S = 0.1
_FIRST_RETRY_MS = 1_000
_LAST_RETRY_MS = 60_000
_INSIST_S = 0.5
_ENDED = frozenset({"invalid_grant", "invalid_refresh_token", "refresh_token_reused"})


class RefreshFailed(Exception):
    """No newer credential could be had. The message is safe to show; `until`: when it may be tried again."""

    def __init__(self, message: str, until: int | None = None) -> None:
        super().__init__(message)
        self.until = until


@dataclass(slots=True)
class Refresher:
    """Refreshes tokens, one account at a time per process, and per installation by lease."""

    vault: Vault
    pool: Pool
    transport: Transport
    endpoints: OAuthEndpoints
    rescue: Rescue
    owner: str

    def run(self, account_id: int, than: int, adopted: Callable[[], None]) -> None:
        """Bring an account's secrets beyond generation `than`; `adopted` is called when they may be used.

        Returns when they are in the database as well. Raises RefreshFailed. Call inside an app context.
        """
        while True:
            try:
                seen = self._lease(account_id, than)
            except SQLAlchemyError as exc:
                raise self._failed(account_id, "the database cannot be used now") from exc
            if seen is None:
                return
            generation = seen.secrets.generation
            left = self.rescue.find(account_id, generation)
            if left is not None:
                log.info("account %s: adopting tokens that an earlier refresh left on disk", self._name(account_id))
            elif not self._still_ours(seen):
                continue  # What was on disk went into the database since: by a holder whose time was over.
            pair = left or self._ask(seen)
            if pair is None:
                continue
            self._keep(seen, pair, adopted)
            if generation + 1 > than and (left is None or _is_fresh(self._secrets(account_id))):
                return

    def _lease(self, account_id: int, than: int) -> Seen | None:
        """Return the row under our lease, or None when another process has brought newer tokens meanwhile."""
        while True:
            seen = offload(leases.take, self.vault, account_id, self.owner)
            if seen is None:
                raise RefreshFailed("the account was removed")
            why = self._why_not(seen)
            if why is None and seen.secrets.generation > than and _is_fresh(seen.secrets):
                self._use(account_id, seen.secrets)
            elif why is None and seen.is_ours:
                return seen
            elif why is None:
                time.sleep(_POLL_S)
                continue
            if seen.is_ours:
                offload(leases.release, account_id, self.owner)
            if why is not None:
                raise why
            return None

    def _why_not(self, seen: Seen) -> RefreshFailed | None:
        if seen.secrets.fault is not None:
            return RefreshFailed(seen.secrets.fault)
        if seen.needs_reauth:
            self._end(seen.account_id)
            return RefreshFailed("the log-in has ended; log in again")
        if seen.secrets.refresh_token is None:
            return RefreshFailed("it has no refresh token; log in again")
        if seen.retry_at is not None and seen.retry_at > now_ms():
            self._backs_off(seen.account_id, seen.failures, seen.retry_at, seen.error or "")
            return RefreshFailed(seen.error or "its refresh failed", seen.retry_at)
        return None

    def _ask(self, seen: Seen) -> TokenPair | None:
        """Trade the refresh token for a new pair; None when the row holds another token by now."""
        try:
            answer = self._answer(seen)
            provider = PROVIDERS[seen.provider]
            if 200 <= answer.status < 300:
                return provider.read_tokens(answer.body, now_ms())
        except UpstreamFailed as exc:
            raise self._put_off(seen, exc.message) from exc
        code, message = provider.read_token_error(answer.status, answer.body)
        if 400 <= answer.status < 500 and code in _ENDED:
            self._end_unless_replaced(seen, f"{code}: {message}")
            return None
        raise self._put_off(seen, f"the token server answered {answer.status} ({code}): {message}")

    def _answer(self, seen: Seen) -> Fetched:
        request = PROVIDERS[seen.provider].refresh_request(self.endpoints, seen.secrets.refresh_token or "")
        try:
            return fetch(self.transport, request, TIMEOUT_S)
        except UpstreamFailed as exc:
            if not exc.sent:
                raise
            log.warning("account %s: the answer to a refresh was lost (%s)", self._name(seen.account_id), exc.message)
            if not self._still_ours(seen):
                raise
        return fetch(self.transport, request, TIMEOUT_S)

    def _still_ours(self, seen: Seen) -> bool:
        try:
            return offload(leases.extend, seen.account_id, seen.secrets.generation, self.owner)
        except SQLAlchemyError:
            return False

    def _keep(self, seen: Seen, pair: TokenPair, adopted: Callable[[], None]) -> None:
        """Write a new pair down, then use it; while the database refuses it, it is used from here."""
        account_id, generation = seen.account_id, seen.secrets.generation
        self.rescue.keep(account_id, generation, pair)
        waiting = False
        while True:
            try:
                is_stored = offload(leases.store_pair, self.vault, account_id, generation, pair, self.owner)
                break
            except SQLAlchemyError as exc:
                if not waiting:
                    waiting = True
                    log.warning("account %s: new tokens wait for the database: %s", self._name(account_id), exc)
                    self._use(account_id, _succeeding(seen.secrets, pair))
                    adopted()
                time.sleep(_INSIST_S)
        if is_stored:
            self._use(account_id, _succeeding(seen.secrets, pair))
            log.info("account %s: tokens refreshed", self._name(account_id))
        else:
            self.pool.load()
        self.rescue.drop(account_id, generation)

    def _end_unless_replaced(self, seen: Seen, message: str) -> None:
        """The server does not know the token any more: the end, unless the tokens were replaced meanwhile."""
        account_id = seen.account_id
        try:
            is_end = offload(leases.require_login, account_id, seen.secrets.generation, self.owner, message)
        except SQLAlchemyError as exc:
            raise self._failed(account_id, message) from exc
        if is_end:
            self._end(account_id)
            log.error("account %s needs a new log-in: %s", self._name(account_id), message)
            raise RefreshFailed("the log-in has ended; log in again")

    def _put_off(self, seen: Seen, message: str) -> RefreshFailed:
        """Note a failure that says nothing about the token; the next try comes later each time."""
        failures = seen.failures + 1
        retry_at = now_ms() + backed_off_ms(_FIRST_RETRY_MS, failures, _LAST_RETRY_MS)
        try:
            offload(leases.note_failure, seen.account_id, self.owner, failures, retry_at, message)
        except SQLAlchemyError as exc:
            log.warning("account %s: a failed refresh is not in the database: %s", self._name(seen.account_id), exc)
        log.warning("account %s: refresh failed (%d in a row): %s", self._name(seen.account_id), failures, message)
        self._backs_off(seen.account_id, failures, retry_at, message)
        return RefreshFailed(message, retry_at)

    def _failed(self, account_id: int, message: str) -> RefreshFailed:
        """Note a failure of our own, in memory."""
        state = self.pool.state(account_id)
        failures = (state.refresh_failures if state is not None else 0) + 1
        retry_at = now_ms() + backed_off_ms(_FIRST_RETRY_MS, failures, _LAST_RETRY_MS)
        self._backs_off(account_id, failures, retry_at, message)
        return RefreshFailed(message, retry_at)

    def _backs_off(self, account_id: int, failures: int, retry_at: int, message: str) -> None:
        state = self.pool.state(account_id)
        if state is not None:
            state.refresh_failures, state.refresh_retry_at, state.refresh_error = failures, retry_at, message

    def _use(self, account_id: int, secrets: AccountSecrets) -> None:
        """Put secrets in force here."""
        state = self.pool.state(account_id)
        if state is None or state.secrets.generation > secrets.generation:
            return
        state.secrets = secrets
        state.refresh_failures, state.refresh_retry_at, state.refresh_error = 0, None, None
        fields: dict[str, object] = {"needs_reauth": False}
        if state.candidate.cooldown_reason == "auth":
            fields |= {"cooldown_until": None, "cooldown_reason": None}
        self.pool.put(account_id, fields)

    def _end(self, account_id: int) -> None:
        self.pool.put(account_id, {"needs_reauth": True})

    def _secrets(self, account_id: int) -> AccountSecrets:
        state = self.pool.state(account_id)
        return state.secrets if state is not None else AccountSecrets()

    def _name(self, account_id: int) -> str:
        state = self.pool.state(account_id)
        return state.candidate.name if state is not None else str(account_id)


def _is_fresh(secrets: AccountSecrets) -> bool:
    expires_at = secrets.expires_at
    return secrets.access_token is not None and (expires_at is None or expires_at - now_ms() > FRESH_MS)


def _succeeding(old: AccountSecrets, pair: TokenPair) -> AccountSecrets:
    return AccountSecrets(
        access_token=pair.access_token,
        refresh_token=pair.refresh_token or old.refresh_token,
        expires_at=pair.expires_at,
        generation=old.generation + 1,
    )
