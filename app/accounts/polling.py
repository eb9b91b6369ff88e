"""Ask the upstream's usage endpoint how full an account's windows are; the proxy's own way has no part in it."""

import json
import random
from dataclasses import replace

from app.accounts.pool import Pool
from app.accounts.tokens import Credentials, NoCredential
from app.accounts.turns import Turn, backed_off_ms
from app.clock import now_ms
from app.errors import UpstreamFailed
from app.fetch import Fetched, fetch
from app.providers import PROVIDERS
from app.providers.limits import retry_after_ms
from app.redaction import redact
from app.transport import Transport
from app.values import Candidate, OAuthEndpoints, Verdict, folded

TIMEOUT_S = 10.0
LONGEST_BACK_OFF_MS = 30 * 60_000
LONGEST_WAIT_MS = 24 * 3_600_000
"""How far a `retry-after` is believed."""
JITTER = 0.2


class Poller:
    """Polls accounts one by one. What it learns goes to the pool, where newer values of headers win."""

    def __init__(
        self, pool: Pool, credentials: Credentials, transport: Transport, endpoints: OAuthEndpoints, every_ms: int
    ) -> None:
        self._pool = pool
        self._credentials = credentials
        self._transport = transport
        self._endpoints = endpoints
        self._every_ms = every_ms

    def poll(self, candidate: Candidate, last: Turn | None) -> Turn | None:
        """Poll one account; return how its turn went, or None when there is nowhere to ask.

        Whatever the answer, the account is neither paused, resumed, cooled down nor cleared by it.
        """
        provider = PROVIDERS[candidate.provider]
        asked_at = now_ms()
        try:
            secret = self._credentials.secret(candidate)
            outbound = provider.usage_request(self._endpoints, secret, candidate.endpoint)
            if outbound is None:
                return None
            answer = fetch(self._transport, outbound, TIMEOUT_S)
        except (NoCredential, UpstreamFailed) as exc:
            return self._failed(candidate, last, asked_at, str(exc))
        if answer.status != 200:
            return self._refused(candidate, last, asked_at, answer)
        if not _is_object(answer.body):
            return self._failed(candidate, last, asked_at, "the answer is no JSON object")
        # Told as of the moment of asking: a header that came while we waited is newer.
        windows = provider.read_usage(answer.body, asked_at)
        overage = provider.read_overage(answer.body)
        verdict = Verdict("served", "serve", windows=windows, overage_allowed=overage)
        self._pool.note_windows(candidate.id, verdict, asked_at)
        return Turn(candidate.id, asked_at, asked_at + self._jittered(self._every_ms))

    def _refused(self, candidate: Candidate, last: Turn | None, at: int, answer: Fetched) -> Turn:
        turn = self._failed(candidate, last, at, f"the usage endpoint answered {answer.status}")
        wait = retry_after_ms(folded(answer.headers), at)
        if wait is None:
            return turn
        # This is about the usage endpoint alone and says nothing of the account's own limit.
        until = at + min(max(wait, self._every_ms), LONGEST_WAIT_MS)
        return replace(turn, next_at=until, is_asked_to_wait=True)

    def _failed(self, candidate: Candidate, last: Turn | None, at: int, error: str) -> Turn:
        failures = (last.failures if last else 0) + 1
        wait = self._jittered(backed_off_ms(self._every_ms, failures, LONGEST_BACK_OFF_MS))
        return Turn(candidate.id, at, at + wait, failures=failures, error=redact(error)[:500])

    def _jittered(self, wait_ms: int) -> int:
        return int(wait_ms * random.uniform(1 - JITTER, 1 + JITTER))


def can_be_polled(candidate: Candidate) -> bool:
    """Whether an account is worth a turn: it has windows, and a log-in that has not ended. Paused ones are."""
    provider = PROVIDERS.get(candidate.provider)
    return provider is not None and provider.holds_window and not candidate.needs_reauth


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False
