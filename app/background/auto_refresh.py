"""Opens an account's next window early, where its owner switched that on: one plain, minimal request, labelled so.

The request is what anybody could send by hand: our own User-Agent, one short word, one token of answer. It goes
straight to the account, past strategy and statistics, and its record says `is_synthetic`.
"""

import json
import random
from dataclasses import replace

from sqlalchemy import select

from app.accounts.health import health_of
from app.accounts.models import Account
from app.accounts.tokens import NoCredential
from app.accounts.turns import Turn, backed_off_ms, is_due, store_turn, turns
from app.background.work import Done, Work
from app.clock import now_ms
from app.db import offload, reading
from app.errors import CcflareError, UpstreamFailed
from app.fetch import Fetched, fetch
from app.providers import PROVIDERS, Provider
from app.providers.limits import retry_after_ms
from app.redaction import redact
from app.usage.meter import Meter
from app.usage.recorder import Record, Recorder
from app.values import Candidate, ProxyRequest, Verdict, folded, new_request_id
from app.version import USER_AGENT

NAME = "auto-refresh"
KIND = "5h"
WINDOW_MS = 5 * 3_600_000
GRACE_MS = 5_000
"""The upstream's clock may be a little behind."""

_TIMEOUT_S = 60.0
_BACK_OFF_MS = 5 * 60_000
_LONGEST_BACK_OFF_MS = 6 * 3_600_000
_SPREAD_S = 0.5


def open_windows(work: Work) -> Done:
    """Send each switched-on account whose 5 h window is over the request that opens the next one."""
    switched_on, known = offload(_read)
    now = now_ms()
    opened, failed = 0, 0
    for candidate in work.runtime.pool.candidates():
        last = known.get(candidate.id)
        if candidate.id not in switched_on or not is_over(candidate, now):
            continue
        if not is_due(last, now, is_asked=work.is_asked):
            continue
        turn = _open(work, candidate, last)
        offload(store_turn, NAME, turn)
        opened += turn.error is None
        failed += turn.error is not None
        work.pause(random.uniform(0, _SPREAD_S))
    work.runtime.pool.flush_windows()
    return Done(f"{opened} windows opened, {failed} failed" if opened or failed else "no window is over")


def is_over(candidate: Candidate, now: int) -> bool:
    """Whether an account could open a window now: it is well, and the last one it had has reset."""
    provider = PROVIDERS.get(candidate.provider)
    if provider is None or not provider.holds_window or not health_of(candidate, now).is_ok:
        return False
    resets = [window.reset_at for window in candidate.windows if window.kind == KIND]
    return all(reset_at is None or reset_at + GRACE_MS <= now for reset_at in resets)


def opening_request(model: str, at: int) -> ProxyRequest:
    """Return the least that the API takes for a message."""
    body = {"model": model, "max_tokens": 1, "messages": [{"role": "user", "content": "Hello"}]}
    return ProxyRequest(
        id=new_request_id(at),
        received_at=at,
        method="POST",
        target="/v1/messages",
        path="/v1/messages",
        headers=(
            ("content-type", "application/json"),
            ("accept", "application/json"),
            ("anthropic-version", "2023-06-01"),
            ("user-agent", USER_AGENT),
        ),
        body=json.dumps(body).encode(),
        model=model,
    )


def _open(work: Work, candidate: Candidate, last: Turn | None) -> Turn:
    runtime = work.runtime
    at = now_ms()
    request = opening_request(runtime.settings.auto_refresh_model, at)
    provider = PROVIDERS[candidate.provider]
    record = Record(request, NAME, USER_AGENT, account=candidate, is_synthetic=True)
    try:
        secret = runtime.credentials.secret(candidate)
        answer = fetch(runtime.transport, provider.outbound(request, candidate, secret), _TIMEOUT_S)
    except NoCredential as exc:
        return _failed(candidate, last, at, str(exc))
    except UpstreamFailed as exc:
        record.attempted(candidate, at, None, provider.failed(exc))
        record.error = exc.message
        runtime.recorder.finish(record, "upstream_broke")
        return _failed(candidate, last, at, exc.message)
    except CcflareError as exc:
        return _failed(candidate, last, at, exc.message)
    verdict = _write(record, runtime.recorder, provider, answer)
    # Its windows are true whatever the status; the account is neither benched nor cleared by a request of ours.
    runtime.pool.note_windows(candidate.id, verdict, now_ms())
    if verdict.reason == "served":
        resets = [window.reset_at for window in verdict.windows if window.kind == KIND and window.reset_at]
        return Turn(candidate.id, at, max(resets, default=at + WINDOW_MS) + GRACE_MS)
    turn = _failed(candidate, last, at, f"{answer.status} ({verdict.reason}): {verdict.detail}")
    wait = retry_after_ms(folded(answer.headers), at)
    return turn if wait is None else replace(turn, next_at=max(turn.next_at, at + wait), is_asked_to_wait=True)


def _write(record: Record, recorder: Recorder, provider: Provider, answer: Fetched) -> Verdict:
    """Record the exchange as what it was, and return what the answer means."""
    fields, at = folded(answer.headers), now_ms()
    verdict = provider.verdict(answer.status, fields, answer.body, at, stream=False)
    meter = Meter(fields.get("content-type", ""), fields.get("content-encoding", ""), provider.shape)
    meter.feed(answer.body, at)
    record.reading = meter.reading()
    record.status, record.answer_headers = answer.status, answer.headers
    record.first_byte_at, record.answer_bytes = at, len(answer.body)
    record.upstream_request_id = fields.get("request-id")
    record.capture = recorder.capture()
    if record.capture is not None:
        record.capture.add(answer.body)
    if record.account is not None:
        record.attempted(record.account, record.request.received_at, answer.status, verdict)
    recorder.finish(record, "complete")
    return verdict


def _failed(candidate: Candidate, last: Turn | None, at: int, error: str) -> Turn:
    failures = (last.failures if last else 0) + 1
    wait = backed_off_ms(_BACK_OFF_MS, failures, _LONGEST_BACK_OFF_MS)
    return Turn(candidate.id, at, at + wait, failures=failures, error=redact(error)[:500])


def _read() -> tuple[set[int], dict[int, Turn]]:
    with reading() as session:
        switched_on = session.execute(select(Account.id).where(Account.auto_refresh.is_(True))).scalars()
        return set(switched_on), turns(session, NAME)
