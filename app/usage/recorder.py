"""Notes what happens to one request and hands it to the journal: once when it starts, once when it ends."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from app.clock import now_ms
from app.redaction import redact, without_keys
from app.usage.capture import Capture
from app.usage.journal import Journal
from app.usage.meter import Reading
from app.usage.payloads import seal
from app.values import Candidate, Headers, Ineligible, Outcome, ProxyRequest, Verdict
from app.vault import Vault

START = "start"
END = "end"


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """What is kept beside the figures. `payloads`: `off`, `errors` or `all`; the limit is per body, in bytes."""

    payloads: str = "all"
    payload_max_bytes: int = 1 << 20


@dataclass(slots=True)
class Record:
    """The record of one request while it runs."""

    request: ProxyRequest
    strategy: str
    user_agent: str | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)
    refused: tuple[Ineligible, ...] = ()
    why: str | None = None
    losses: tuple[str, ...] = ()
    account: Candidate | None = None
    status: int | None = None
    error: str | None = None
    first_byte_at: int | None = None
    answer_headers: Headers = ()
    answer_bytes: int = 0
    upstream_request_id: str | None = None
    reading: Reading | None = None
    capture: Capture | None = None
    is_synthetic: bool = False

    def attempted(
        self,
        candidate: Candidate,
        started_at: int,
        status: int | None,
        verdict: Verdict,
        cooldown_until: int | None = None,
    ) -> None:
        """Note one finished try at one account."""
        self.attempts.append(
            {
                "account_id": candidate.id,
                "account_name": candidate.name,
                "status": status,
                "reason": verdict.reason,
                "detail": verdict.detail or None,
                "started_at": started_at,
                "ended_at": now_ms(),
                "cooldown_until": cooldown_until,
            }
        )


class Recorder:
    """Writes records of one worker."""

    def __init__(self, journal: Journal, vault: Vault, options: RecordOptions) -> None:
        self._journal = journal
        self._vault = vault
        self.options = options

    def begin(self, record: Record) -> None:
        """Note that a request runs, so that it is seen meanwhile and kept if the worker dies.

        Done for requests that outlast a moment: for most the final record comes first and this never happens.
        """
        request = record.request
        head: dict[str, Any] = {
            "kind": START,
            "id": request.id,
            "started_at": request.received_at,
            "method": request.method,
            "path": without_keys(request.path),
            "model": request.model,
            "stream": request.stream,
            "session_id": request.session_id,
            "agent_id": request.agent_id,
            "key_id": request.key_id,
            "worker": self._journal.worker,
        }
        self._journal.append(head)

    def capture(self) -> Capture | None:
        """Return where a copy of the answer's body goes, or None when payloads are not kept."""
        return None if self.options.payloads == "off" else Capture(self.options.payload_max_bytes)

    def finish(self, record: Record, outcome: Outcome) -> None:
        """Write the final record. Call before the last byte of the answer goes out; never raises for the disk."""
        self._journal.append(_head(record, outcome), self._payload(record, outcome))

    @property
    def lost(self) -> int:
        """How many records were dropped because the disk refused them for too long."""
        return self._journal.lost

    @property
    def waiting(self) -> int:
        """How many records wait in memory because the disk refuses them."""
        return self._journal.waiting

    @property
    def worker(self) -> str:
        """Names this worker in the rows of the requests that it runs."""
        return self._journal.worker

    def beat(self) -> None:
        """Show that this worker lives."""
        self._journal.beat()

    def flush(self) -> None:
        """Try again what the disk refused."""
        self._journal.flush()

    def close(self) -> list[bytes]:
        """Let go of the journal, so that the ingester may finish it; return the records that the disk refused."""
        self._journal.close()
        return self._journal.take()

    def _payload(self, record: Record, outcome: Outcome) -> bytes:
        options = self.options
        failed = outcome != "complete" or (record.status or 500) >= 400
        if options.payloads == "off" or (options.payloads == "errors" and not failed):
            return b""
        request = record.request
        return seal(
            self._vault,
            request.id,
            request.headers,
            request.body,
            record.answer_headers,
            record.capture or Capture(0),
            options.payload_max_bytes,
        )


def refused_rows(refused: Iterable[Ineligible]) -> list[list[Any]]:
    """Return why accounts were not asked, as it is stored: [name, reason, until]."""
    return [[why.name, why.reason, why.until] for why in refused]


def _head(record: Record, outcome: Outcome) -> dict[str, Any]:
    request, reading, account = record.request, record.reading, record.account
    head: dict[str, Any] = {
        "kind": END,
        "id": request.id,
        "started_at": request.received_at,
        "first_byte_at": record.first_byte_at,
        "ended_at": now_ms(),
        "key_id": request.key_id,
        "session_id": request.session_id,
        "agent_id": request.agent_id,
        "parent_agent_id": request.parent_agent_id,
        "method": request.method,
        "path": without_keys(request.path),
        "model": request.model,
        "stream": request.stream,
        "strategy": record.strategy,
        "why": record.why,
        "status": record.status,
        "outcome": outcome,
        "error": record.error,
        "attempts": record.attempts,
        "request_bytes": len(request.body),
        "answer_bytes": record.answer_bytes,
        "upstream_request_id": record.upstream_request_id,
        "user_agent": record.user_agent,
    }
    if account is not None:
        head["account_id"], head["account_name"], head["provider"] = account.id, account.name, account.provider
    if record.refused:
        head["refused"] = refused_rows(record.refused)
    if record.losses:
        head["losses"] = record.losses
    if record.is_synthetic:
        head["is_synthetic"] = True
    if reading is not None:
        _add_reading(head, reading, outcome)
    return head


def _add_reading(head: dict[str, Any], reading: Reading, outcome: Outcome) -> None:
    tokens = reading.tokens
    head["model_served"] = reading.model
    head["stop_reason"] = reading.stop_reason
    head["first_token_at"] = reading.first_token_at
    head["last_token_at"] = reading.last_token_at
    head["is_partial"] = outcome != "complete" and not reading.complete
    head["tokens"] = tokens.counts
    if reading.error is not None and not head["error"]:
        head["error"] = redact(f"{reading.error[0]}: {reading.error[1]}")
