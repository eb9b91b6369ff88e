"""What an answer means for the account and for the request: one table, read from the top, the first match wins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from app.errors import UpstreamFailed
from app.providers import limits
from app.providers.limits import ACCOUNT_KINDS, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, UNIFIED
from app.providers.upstream_error import UpstreamError, read_error, redacted
from app.values import Action, Ramp, Reason, Scope, Verdict, Window

BURST_CAP_MS = 5 * MINUTE_MS
QUOTA_CAP_MS = 8 * DAY_MS
MODEL_QUOTA_MS = 5 * MINUTE_MS
OVERLOADED_MS = 10 * SECOND_MS
UNAUTHORISED_MS = 60 * SECOND_MS

BURST_RAMP = Ramp(free=1, base_ms=30 * SECOND_MS, cap_ms=BURST_CAP_MS, within_ms=MINUTE_MS)
QUOTA_RAMP = Ramp(free=0, base_ms=MINUTE_MS, cap_ms=HOUR_MS)
UPSTREAM_RAMP = Ramp(free=2, base_ms=10 * SECOND_MS, cap_ms=5 * MINUTE_MS)
KEY_RAMP = Ramp(free=0, base_ms=5 * MINUTE_MS, cap_ms=6 * HOUR_MS)
PERMISSION_RAMP = Ramp(free=1, base_ms=5 * MINUTE_MS, cap_ms=6 * HOUR_MS)

_ALLOWING = ("allowed", "queueing_soft")
_REFUSING = frozenset({"rejected", "rate_limited", "blocked", "queueing_hard", "payment_required"})
_CLAIMED_KIND = {"five_hour": "5h", "seven_day": "7d", "seven_day_oauth_apps": "7d_oauth_apps"}
_SERVED = Verdict("served", "serve")


class Seen:
    """One answer that is no success, as the table looks at it. What costs something is read when a row asks for it."""

    def __init__(self, status: int, headers: Mapping[str, str], head: bytes, now_ms: int, *, oauth: bool) -> None:
        self.status = status
        self.headers = headers
        self.head = head
        self.now_ms = now_ms
        self.oauth = oauth

    @cached_property
    def error(self) -> UpstreamError:
        """The error that the body, or the first event, tells of."""
        return read_error(self.head) or UpstreamError()

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        """The windows of the rate-limit headers."""
        return limits.windows(self.headers, self.now_ms)

    @cached_property
    def retry_after_ms(self) -> int | None:
        """How long the answer asks to wait."""
        return limits.retry_after_ms(self.headers, self.now_ms)

    @cached_property
    def spent_reset_at(self) -> int | None:
        """When the counted limits of an API key that have nothing left are full again."""
        return limits.spent_reset_at(self.windows, self.now_ms)

    @cached_property
    def named_reset_at(self) -> int | None:
        """The time in a plain `x-ratelimit-reset`, as gateways send it."""
        return limits.named_reset_at(self.headers, self.now_ms)

    @cached_property
    def unified_reset_at(self) -> int | None:
        """When the limit that decided resets, if that is still to come."""
        at = limits.instant(self.headers.get(f"{UNIFIED}reset"), self.now_ms)
        return at if at is not None and at > self.now_ms else None

    @cached_property
    def claim(self) -> str:
        """The limit that the answer names as the one that decided."""
        return self.unified("representative-claim")

    @cached_property
    def is_rejected(self) -> bool:
        """Whether the unified limits refuse, or at least do not say that they allow."""
        return not self.unified("status").startswith(_ALLOWING)

    @cached_property
    def rejected(self) -> tuple[Window, ...]:
        """The rejected windows that bind the whole account.

        The claimed window counts as rejected, unless its own status says that it is not.
        """
        claimed = _CLAIMED_KIND.get(self.claim) if self.is_rejected else None
        found = [w for w in self.windows if w.kind in ACCOUNT_KINDS and _is_rejected(w, claimed)]
        if claimed and all(window.kind != claimed for window in self.windows):
            found.append(Window(claimed, None, None, "rejected", self.now_ms, "header"))
        return tuple(found)

    @cached_property
    def rejected_models(self) -> tuple[Window, ...]:
        """The rejected windows that are the allotment of some model, such as `7d_oi`."""
        return tuple(w for w in self.windows if limits.is_model_kind(w.kind) and w.status == "rejected")

    def unified(self, name: str) -> str:
        """Return one of the unified rate-limit headers, or an empty string."""
        return self.headers.get(UNIFIED + name, "").strip().lower()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: when it applies, what it is, and what the account suffers.

    `ramp` applies when `until` tells no time. The `until` of a `reauth` applies only when the refused token stays
    refused after a refresh.
    """

    name: str
    when: Callable[[Seen], bool]
    reason: Reason
    action: Action
    until: Callable[[Seen], int | None] | None = None
    ramp: Ramp | None = None
    scope: Scope = "account"

    def verdict(self, seen: Seen) -> Verdict:
        """Return the verdict of this row on an answer."""
        until = self.until(seen) if self.until else None
        asks_no_retry = self.action == "retry" and seen.headers.get("x-should-retry") == "false"
        return Verdict(
            reason=self.reason,
            action="next" if asks_no_retry else self.action,
            until=until,
            ramp=self.ramp if until is None else None,
            scope=self.scope,
            windows=seen.windows,
            overage_allowed=limits.overage_allowed(seen.headers),
            detail=_detail(seen),
        )


def judge(rows: tuple[Row, ...], seen: Seen) -> Verdict:
    """Return the verdict of the first row that matches."""
    return next(row for row in rows if row.when(seen)).verdict(seen)


def served(headers: Mapping[str, str], now_ms: int) -> Verdict:
    """Return the verdict on a success: the account is well, and its windows are what the headers say.

    A full window that let the request pass shows that the account may go on beyond it.
    """
    windows = limits.windows(headers, now_ms)
    if not windows:
        return _SERVED
    is_beyond = any(window.status == "rejected" and window.kind in ACCOUNT_KINDS for window in windows)
    overage = True if is_beyond else limits.overage_allowed(headers)
    return Verdict("served", "serve", windows=windows, overage_allowed=overage)


def failed(error: UpstreamFailed) -> Verdict:
    """Return the verdict on an upstream that gave no answer; it is asked again only when it saw nothing."""
    detail = redacted(f"{error.phase}: {error.message}")
    return Verdict("upstream", "next" if error.sent else "retry", ramp=UPSTREAM_RAMP, detail=detail)


def _is_rejected(window: Window, claimed: str | None) -> bool:
    return window.status == "rejected" or (window.kind == claimed and not (window.status or "").startswith(_ALLOWING))


def _detail(seen: Seen) -> str:
    error = seen.error
    return redacted(": ".join(word for word in (error.type or error.code, error.message) if word)) or str(seen.status)


def _is_model_quota(seen: Seen) -> bool:
    if seen.status != 429 or not seen.is_rejected or seen.rejected:
        return False
    is_claimed = seen.claim == "overage" or (seen.claim.startswith("seven_day_") and seen.claim not in _CLAIMED_KIND)
    return bool(seen.rejected_models) or is_claimed or seen.unified("overage-disabled-reason") == "out_of_credits"


def _is_quota(seen: Seen) -> bool:
    if seen.status != 429:
        return False
    is_unified = seen.unified("status") in _REFUSING or seen.unified_reset_at is not None
    return bool(seen.rejected) or (seen.is_rejected and is_unified)


def _is_named_quota(seen: Seen) -> bool:
    if seen.status != 429 or seen.retry_after_ms is not None or seen.named_reset_at is None:
        return False
    is_far = seen.named_reset_at - seen.now_ms > BURST_CAP_MS
    return is_far and limits.number(seen.headers.get("x-ratelimit-remaining")) == 0


def _has_wait(seen: Seen) -> bool:
    return seen.status == 429 and _burst_until(seen) is not None


def _is_denied(seen: Seen) -> bool:
    return seen.status == 403 and (seen.error.type == "permission_error" or _is_revoked(seen))


def _is_revoked(seen: Seen) -> bool:
    return seen.status == 403 and "revoked" in seen.error.message.lower()


def _quota_until(seen: Seen) -> int | None:
    return _latest(seen, seen.rejected) or _after(seen, seen.retry_after_ms, QUOTA_CAP_MS)


def _model_quota_until(seen: Seen) -> int | None:
    wait = seen.retry_after_ms or MODEL_QUOTA_MS
    return _latest(seen, seen.rejected_models) or _after(seen, wait, QUOTA_CAP_MS)


def _latest(seen: Seen, rejected: tuple[Window, ...]) -> int | None:
    resets = [w.reset_at for w in rejected if w.reset_at is not None and w.reset_at > seen.now_ms]
    latest = max(resets) if resets else seen.unified_reset_at
    return None if latest is None else min(latest, seen.now_ms + QUOTA_CAP_MS)


def _burst_until(seen: Seen) -> int | None:
    reset_at = seen.spent_reset_at or seen.named_reset_at
    wait = seen.retry_after_ms or (reset_at - seen.now_ms if reset_at else None)
    return _after(seen, wait, BURST_CAP_MS)


def _after(seen: Seen, wait_ms: int | None, cap_ms: int) -> int | None:
    return None if wait_ms is None else seen.now_ms + min(wait_ms, cap_ms)


TABLE: tuple[Row, ...] = (
    Row("a model's allotment is spent", _is_model_quota, "model_quota", "next", _model_quota_until, scope="model"),
    Row("a window is full", _is_quota, "quota", "next", _quota_until, QUOTA_RAMP),
    Row("a gateway's limit resets late", _is_named_quota, "quota", "next",
        lambda seen: seen.named_reset_at and min(seen.named_reset_at, seen.now_ms + QUOTA_CAP_MS)),
    Row("too fast, with a wait", _has_wait, "burst", "next", _burst_until),
    Row("too fast", lambda seen: seen.status == 429, "burst", "next", ramp=BURST_RAMP),
    Row("overloaded", lambda seen: seen.status == 529, "overloaded", "retry", lambda seen: seen.now_ms + OVERLOADED_MS),
    Row("token refused", lambda seen: seen.oauth and (seen.status == 401 or _is_revoked(seen)), "auth", "reauth",
        lambda seen: seen.now_ms + UNAUTHORISED_MS),
    Row("key refused", lambda seen: seen.status == 401, "auth", "next", ramp=KEY_RAMP),
    Row("not permitted", _is_denied, "auth", "next", ramp=PERMISSION_RAMP),
    Row("upstream broken", lambda seen: seen.status >= 500, "upstream", "retry", ramp=UPSTREAM_RAMP),
    Row("the client's own", lambda _: True, "client", "serve"),
)  # fmt: skip
