"""The nouns that rooms hand to each other: frozen values, no behaviour beyond looking at themselves.

Times are epoch milliseconds (`*_at`, `until`), durations are milliseconds (`*_ms`), money is micro-USD,
utilisation is a fraction (1.0 = 100 %). `None` means unknown, never zero.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from app.clock import now_ms

Headers = tuple[tuple[str, str], ...]
"""Header fields in wire order, names as they came, repeated fields repeated."""

Shape = Literal["anthropic", "openai"]
"""Whose API somebody speaks."""

Role = Literal["admin", "viewer", "client"]
Reason = Literal[
    "served",
    "model_quota",
    "quota",
    "burst",
    "overloaded",
    "upstream",
    "auth",
    "client",
    "unanswered",
]
Action = Literal["serve", "retry", "reauth", "next"]
Scope = Literal["account", "model"]
Outcome = Literal["complete", "client_gone", "upstream_broke", "refused", "cut_by_shutdown"]
WindowSource = Literal["header", "poll"]


def folded(headers: Headers) -> dict[str, str]:
    """Return headers as a mapping of lower-case names; repeated fields are joined by `, `."""
    mapping: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        mapping[key] = f"{mapping[key]}, {value}" if key in mapping else value
    return mapping


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token counts of one answer by price class, as the upstream's final usage gave them.

    `input` excludes cached tokens. A class that the upstream did not report is None.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    web_searches: int | None = None

    @property
    def counts(self) -> tuple[int | None, ...]:
        """The counts in the order of the fields, in which they are priced and recorded."""
        return (
            self.input,
            self.output,
            self.cache_read,
            self.cache_write_5m,
            self.cache_write_1h,
            self.web_searches,
        )

    @property
    def is_known(self) -> bool:
        """Whether the upstream reported any class at all."""
        return any(count is not None for count in self.counts[:-1])


@dataclass(frozen=True, slots=True)
class Window:
    """One rate-limit window of an account.

    `kind`: `5h`, `7d`, `7d_opus`, `7d_oi`, ... or `requests`, `tokens`, `input_tokens`, `output_tokens`.
    `status`: the upstream's own word (`allowed`, `allowed_warning`, `rejected`), None when polled.
    """

    kind: str
    utilization: float | None
    reset_at: int | None
    status: str | None
    seen_at: int
    source: WindowSource


@dataclass(frozen=True, slots=True)
class Candidate:
    """One account as routing and providers see it: a frozen copy of its state, without secrets."""

    id: int
    name: str
    provider: str
    priority: int = 0
    endpoint: str | None = None
    model_mappings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    paused: bool = False
    pause_reason: str | None = None
    paused_by: str | None = None
    needs_reauth: bool = False
    cooldown_until: int | None = None
    cooldown_reason: str | None = None
    model_cooldowns: Mapping[str, int] = field(default_factory=dict)
    """Model family -> until."""
    windows: tuple[Window, ...] = ()
    overage_allowed: bool | None = None
    """Whether the account may go on beyond a full window; None when unknown."""
    session_start: int | None = None
    session_reset_at: int | None = None
    """Reset of the upstream's 5 h window that the running session lies in; the session ends there."""


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """One request of a client, read completely.

    `target` is the raw request target (path and query, percent-encoding untouched); `path` is without query.
    `headers` are the client's own, in wire order as far as the server kept it.
    """

    id: int
    received_at: int
    method: str
    target: str
    path: str
    headers: Headers
    body: bytes
    model: str | None = None
    stream: bool = False
    session_id: str | None = None
    agent_id: str | None = None
    parent_agent_id: str | None = None
    key_id: str | None = None
    forced_account: str | None = None


@dataclass(frozen=True, slots=True)
class Secret:
    """A usable credential. `kind`: `api_key` goes as the provider's key header, `oauth` as Bearer."""

    kind: Literal["api_key", "oauth"]
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a token server handed out. `expires_at` None: it did not say."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: int | None
    scope: str | None = None
    account_uuid: str | None = None
    organization: str | None = None


@dataclass(frozen=True, slots=True)
class OAuthEndpoints:
    """Where and as whom the operator's OAuth log-ins happen; every value is a setting."""

    client_id: str
    authorize_url: str
    console_authorize_url: str
    token_url: str
    redirect_uri: str
    scopes: str
    create_api_key_url: str
    usage_url: str


@dataclass(frozen=True, slots=True)
class Outbound:
    """One HTTP request to an upstream, complete: nothing is added on the way but framing."""

    method: str
    url: str
    headers: Headers
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Ramp:
    """A cool-down that grows with repetition: `free` failures cost nothing, then base * 2^n up to a cap.

    A failure counts as a repetition when it comes within `within_ms` of the last (None: however late).
    """

    free: int
    base_ms: int
    cap_ms: int
    within_ms: int | None = None

    def cooldown_ms(self, streak: int) -> int:
        """Return the cool-down after the `streak`-th failure in a row (1 is the first)."""
        step = streak - self.free - 1
        if step < 0:
            return 0
        return min(self.cap_ms, self.base_ms << min(step, 32))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one answer means, for the account and for the request.

    `until`: end of the cool-down when the answer itself tells it; else `ramp` computes one from the streak.
    `scope` `model` cools only (account, model family). `retry` is tried in place before the next candidate.
    """

    reason: Reason
    action: Action
    until: int | None = None
    ramp: Ramp | None = None
    scope: Scope = "account"
    windows: tuple[Window, ...] = ()
    overage_allowed: bool | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ineligible:
    """Why an account may not be asked now. `until` None: no time is known at which it comes back.

    `is_limit`: the reason is a rate limit of the provider, as opposed to a pause, a fault or a mapping.
    """

    account_id: int
    name: str
    reason: str
    until: int | None = None
    is_limit: bool = False


_ID_EPOCH_MS = 1_704_067_200_000  # 2024-01-01
_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_ID_PAIRS = tuple(one + two for one in _ID_ALPHABET for two in _ID_ALPHABET)
_serial = count(secrets.randbits(22))


def new_request_id(at_ms: int | None = None) -> int:
    """Return a 63-bit id that sorts by time: 41 bits of milliseconds, 22 bits that differ within one."""
    at = now_ms() if at_ms is None else at_ms
    return (at - _ID_EPOCH_MS) << 22 | (next(_serial) & 0x3FFFFF)


def first_id(at_ms: int) -> int:
    """Return the smallest id that a request which begins at a time can have; 0 before there were ids.

    A time that no id can have gives the largest id that there can be.
    """
    return min(max(0, at_ms - _ID_EPOCH_MS) << 22, (1 << 63) - 1)


def time_of(request_id: int) -> int:
    """Return when the request with an id began, in epoch milliseconds."""
    return (request_id >> 22) + _ID_EPOCH_MS


def id_text(request_id: int) -> str:
    """Return the public form of a request id: `req_` and 13 characters that sort as the number does."""
    pairs = [_ID_PAIRS[request_id >> shift & 1023] for shift in (50, 40, 30, 20, 10, 0)]
    return f"req_{_ID_ALPHABET[request_id >> 60]}{''.join(pairs)}"


def id_from_text(text: str) -> int | None:
    """Return the number behind a public request id, or None when the text is none."""
    digits = text.removeprefix("req_").lower()
    if len(digits) != 13 or any(char not in _ID_ALPHABET for char in digits):
        return None
    number = 0
    for char in digits:
        number = number << 5 | _ID_ALPHABET.index(char)
    return number if number < 1 << 63 else None
