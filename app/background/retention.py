"""The jobs that forget: small batches with pauses between them, so that nobody waits for the database's lock."""

from collections.abc import Callable

from sqlalchemy.orm import Session

import app.access.retention as access_retention
import app.accounts.retention as accounts_retention
from app.accounts import windows
from app.background.leader import Leader
from app.background.work import Done, Work
from app.clock import now_ms
from app.db import offload
from app.usage import retention
from app.usage.storing import close_lost

_DAY_MS = 86_400_000
_PAYLOADS = 50
_REQUESTS = 500
_SMALL = 500
_PAUSE_S = 0.05

Batch = Callable[[Session], int]


def retain(work: Work) -> Done:
    """Forget what is older than the settings keep it, and what has expired; end what lost its end."""
    now, settings = now_ms(), work.runtime.settings
    bodies = _drain(
        work,
        lambda session: retention.forget_payloads_before(
            session, now - settings.data_retention_days * _DAY_MS, _PAYLOADS
        ),
    )
    bodies += _fit(work)
    kept_from = now - settings.request_retention_days * _DAY_MS
    requests = _drain(work, lambda session: retention.forget_requests_before(session, kept_from, _REQUESTS))
    unended = _drain(work, lambda session: close_lost(session, now - _DAY_MS, _SMALL))
    sums = _drain(work, lambda session: retention.forget_sums(session, now, kept_from, _SMALL))
    sums += _drain(work, lambda session: retention.forget_sessions_before(session, kept_from, _SMALL))
    samples = _drain(work, lambda session: windows.forget_before(session, now - windows.KEPT_MS, _SMALL))
    expired = _drain(
        work,
        lambda session: accounts_retention.forget_expired(session, now, settings.session_duration_ms, _SMALL),
    )
    expired += _drain(work, lambda session: access_retention.forget_expired(session, now))
    told = f"{bodies} bodies, {requests} requests, {sums} sums, {samples} samples, {expired} expired entries removed"
    return Done(f"{told}; {unended} requests without an end closed" if unended else told)


def fit_payloads(work: Work) -> Done:
    """Keep all stored bodies together below their size limit."""
    return Done(f"{_fit(work)} bodies removed")


def _fit(work: Work) -> int:
    most = work.runtime.settings.payload_store_max_bytes
    return _drain(work, lambda session: retention.forget_payloads_beyond(session, most, _PAYLOADS))


def _drain(work: Work, batch: Batch) -> int:
    """Repeat a batch until it finds nothing; return how much went. Raises NotLeading."""
    total = 0
    while gone := offload(_once, work.leader, batch):
        total += gone
        work.pause(_PAUSE_S)
    return total


def _once(leader: Leader, batch: Batch) -> int:
    with leader.transaction() as session:
        return batch(session)
