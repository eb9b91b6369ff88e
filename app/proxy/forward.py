"""The corridor: take a request through the candidates until an answer may go to the client."""

import random
import time
from dataclasses import dataclass

from app.accounts.tokens import NoCredential
from app.clock import now_ms
from app.errors import CcflareError, InvalidInput, Unavailable, UpstreamFailed
from app.flights import Flight, Landed
from app.providers import PROVIDERS, Provider
from app.providers.models import asked_models, model_family
from app.providers.openai_compatible import COUNT_TOKENS
from app.proxy.estimate import estimated
from app.proxy.opened import Opened
from app.proxy.question import REPEATABLE, Question, judged, question
from app.proxy.shown import shown
from app.routing import Plan, Sticky, after_served, answer_when_nobody_left, plan, tried
from app.routing.eligible import LIMIT_REASONS
from app.runtime import Runtime
from app.usage.recorder import Record
from app.values import Candidate, Ineligible, ProxyRequest, Secret, Verdict

_RETRY_BUDGET_S = 30.0


@dataclass(slots=True)
class Served:
    """The answer that goes to the client, and whose it is."""

    opened: Opened
    candidate: Candidate
    provider: Provider


@dataclass(slots=True)
class _Last:
    """The last answer that was no success, kept open in case it is the best there is."""

    served: Served
    verdict: Verdict


class Corridor:
    """The way of one request. Nothing fails over once `walk` has returned."""

    def __init__(self, runtime: Runtime, request: ProxyRequest, flight: Flight, record: Record) -> None:
        self._runtime = runtime
        self._settings = runtime.settings
        self._request = request
        self._flight = flight
        self._record = record
        self._may_have_acted = False
        """Whether a request that must not go twice may have had its effect: nobody else is asked then."""
        self._is_repeatable = request.method != "POST" or request.path in REPEATABLE
        self._begun = time.monotonic()
        self._last: _Last | None = None
        self._failed: dict[int, Ineligible] = {}
        self._misfits: dict[int, InvalidInput] = {}
        """Accounts whose upstream cannot be asked for this in its own words, and why."""

    def walk(self) -> Served:
        """Return the answer for the client. Raises a CcflareError when every account refused or failed."""
        while True:
            made = self._plan()
            for position, candidate in enumerate(made.order):
                has_others = position + 1 < len(made.order)
                served = self._ask(candidate, made, has_others)
                if served is not None:
                    return served
                if self._may_have_acted:
                    return self._give_up(self._nobody(made))
            nobody = self._nobody(made)
            if not self._hold(nobody):
                return self._give_up(nobody)

    def abandon(self) -> None:
        """Close what is still open, because the client left or the request was ended."""
        if self._last is not None:
            self._last.served.opened.close()
            self._last = None

    def _plan(self) -> Plan:
        now = now_ms()
        made = plan(self._settings.lb_strategy, self._runtime.pool.candidates(), self._request, now, self._sticky(now))
        if made.order and self._settings.lb_strategy == "least-used":
            self._runtime.recent[made.order[0].id] = now
        self._record.refused = made.refused
        if made.order and self._record.why is None:
            self._record.why = made.why
        return made

    def _sticky(self, now: int) -> Sticky:
        settings = self._settings
        pinned = None
        if settings.lb_strategy == "session-affinity" and self._request.session_id is not None:
            pinned = self._runtime.pins.find(self._request.session_id, now, settings.session_duration_ms)
        return Sticky(settings.session_duration_ms, pinned, self._runtime.recent)

    def _ask(self, candidate: Candidate, made: Plan, has_others: bool) -> Served | None:
        """Try one account, with one of its names for the model after the other while it refuses them."""
        provider = PROVIDERS[candidate.provider]
        if self._request.path == COUNT_TOKENS and not provider.answers(COUNT_TOKENS):
            self.abandon()
            return Served(estimated(self._request), candidate, provider)
        names = asked_models(self._request.model, candidate, now_ms())
        for position, model in enumerate(names, 1):
            has_more = position < len(names)
            try:
                asked = question(provider, self._request, candidate, model, has_more=has_more)
            except InvalidInput as exc:
                self._note_misfit(candidate, exc)
                return None
            result = self._try(candidate, asked, made, has_others or has_more)
            if isinstance(result, Served):
                return result
            if result.scope != "model" and result.reason != "client":
                return None
        return None

    def _try(self, candidate: Candidate, asked: Question, made: Plan, has_others: bool) -> Served | Verdict:
        """Ask one account, in place as often as it may help; return its answer if the client shall have it."""
        settings = self._settings
        most = min(2, settings.retry_attempts) if has_others else settings.retry_attempts
        attempt = 0
        renewed = False
        secret: Secret | None = None
        while True:
            attempt += 1
            started_at = now_ms()
            try:
                secret = secret or self._runtime.credentials.secret(candidate)
                opened, verdict = self._exchange(candidate, asked, secret)
            except (NoCredential, Unavailable) as exc:
                opened, verdict = None, Verdict("auth", "next", detail=str(exc))
            except Landed:
                self._record.account = candidate
                self._record.attempted(candidate, started_at, None, Verdict("unanswered", "next"))
                raise
            if verdict.action == "serve":
                served = Served(_required(opened), candidate, PROVIDERS[candidate.provider])
                return self._serve(served, verdict, made, started_at)
            again = verdict.action == "retry" and attempt < most and self._may_repeat()
            if verdict.action == "reauth" and not renewed and secret is not None:
                renewed = True
                secret = self._renewed(candidate, secret)
                again = secret is not None
                attempt -= 1
            self._note_failure(candidate, asked, opened, verdict, started_at, again)
            if not again:
                return verdict
            if verdict.action == "retry":
                self._pause(attempt)

    def _exchange(self, candidate: Candidate, asked: Question, secret: Secret) -> tuple[Opened | None, Verdict]:
        """Send the request to one account and judge what comes back."""
        provider = PROVIDERS[candidate.provider]
        settings = self._settings
        outbound = provider.outbound(asked.request, candidate, secret, asked.model)
        self._flight.expect(settings.first_byte_timeout_s, self._silence)
        opened = None
        try:
            opened = Opened(self._runtime.transport.send(outbound, self._is_repeatable), secret.value)
            is_success = 200 <= opened.answer.status < 300
            if is_success and self._request.stream and opened.is_stream:
                opened.pull_first_event(settings.first_event_hold_s)
                if opened.is_empty_stream:
                    raise UpstreamFailed("the stream ended before its first event", phase="body", sent=True)
            elif is_success:
                opened.pull_first_bytes(settings.first_event_hold_s)
            else:
                opened.pull_head()
            if asked.exchange is not None:
                opened.shown = shown(opened, asked.exchange)
        except UpstreamFailed as exc:
            if opened is not None:
                opened.close()
            self._may_have_acted = exc.sent and not self._is_repeatable
            return None, provider.failed(exc)
        except BaseException:
            if opened is not None:
                opened.close()
            raise
        finally:
            self._flight.wait_free()
        verdict = judged(provider, asked, opened)
        # 503 says that nothing was done.
        is_lost = verdict.reason == "upstream" and opened.answer.status != 503
        self._may_have_acted = is_lost and not self._is_repeatable
        return opened, verdict

    def _silence(self) -> UpstreamFailed:
        return UpstreamFailed(f"no answer within {self._settings.first_byte_timeout_s:g} s", phase="timeout", sent=True)

    def _serve(self, served: Served, verdict: Verdict, made: Plan, started_at: int) -> Served:
        self.abandon()
        runtime, now = self._runtime, now_ms()
        candidate = served.candidate
        if verdict.reason == "served":
            runtime.pool.served(candidate.id, verdict, started_at, now)
            self._remember(made, candidate, now)
        self._record.attempted(candidate, started_at, served.opened.answer.status, verdict)
        return served

    def _remember(self, made: Plan, candidate: Candidate, now: int) -> None:
        """Write what makes the next request stick, which usually is nothing."""
        change = after_served(self._settings.lb_strategy, made, candidate, self._request, now)
        if change is None:
            return
        if change.kind == "start":
            self._runtime.pool.start_session(change.account_id, change.at)
        elif change.session_id is not None:
            write = self._runtime.pins.pin if change.kind == "pin" else self._runtime.pins.touch
            write(change.session_id, change.account_id, change.at)

    def _renewed(self, candidate: Candidate, secret: Secret) -> Secret | None:
        try:
            return self._runtime.credentials.renew(candidate, secret)
        except NoCredential:
            return None

    def _note_failure(
        self,
        candidate: Candidate,
        asked: Question,
        opened: Opened | None,
        verdict: Verdict,
        started_at: int,
        again: bool,
    ) -> None:
        """Put the consequences in force, everywhere, before anything else is tried."""
        self.abandon()
        until = None
        if not (again and verdict.until is not None):
            family = model_family(asked.model) if asked.model else None
            until = self._runtime.pool.cool_down(candidate.id, verdict, family, started_at, now_ms())
        status = opened.answer.status if opened is not None else None
        self._record.attempted(candidate, started_at, status, verdict, until)
        self._failed[candidate.id] = tried(candidate, verdict, until)
        if opened is not None and again:
            opened.close()
        elif opened is not None:
            self._last = _Last(Served(opened, candidate, PROVIDERS[candidate.provider]), verdict)

    def _note_misfit(self, candidate: Candidate, error: InvalidInput) -> None:
        """Pass over an account that another shape of request might suit; it is as well as before."""
        self._misfits[candidate.id] = error
        reason = Ineligible(candidate.id, candidate.name, f"cannot be asked for this: {error.message}")
        self._failed[candidate.id] = reason
        self._record.refused = (*self._record.refused, reason)

    def _may_repeat(self) -> bool:
        """Whether the request can be sent to the same account again."""
        return not self._may_have_acted and time.monotonic() - self._begun < _RETRY_BUDGET_S

    def _pause(self, attempt: int) -> None:
        """Wait before the next try in place: full jitter under an exponential limit."""
        settings = self._settings
        limit_s = settings.retry_delay_ms / 1000 * settings.retry_backoff ** (attempt - 1)
        left_s = _RETRY_BUDGET_S - (time.monotonic() - self._begun)
        time.sleep(max(0.0, min(random.uniform(0, limit_s), left_s)))

    def _nobody(self, made: Plan) -> tuple[Ineligible, ...]:
        return (*(self._failed[one.id] for one in made.order if one.id in self._failed), *made.refused)

    def _hold(self, refused: tuple[Ineligible, ...]) -> bool:
        """Wait for an account that returns within the hold; return whether to try again."""
        left_ms = self._settings.hold_max_s * 1000 - (time.monotonic() - self._begun) * 1000
        returns = [one.until for one in refused if one.until is not None]
        if not returns or min(returns) - now_ms() > left_ms:
            return False
        self.abandon()
        time.sleep(max(0.05, (min(returns) - now_ms()) / 1000))
        return True

    def _give_up(self, refused: tuple[Ineligible, ...]) -> Served:
        last = self._last
        pool_size = len(self._runtime.pool.candidates())
        if last is not None and (pool_size == 1 or last.verdict.reason not in LIMIT_REASONS):
            self._last = None
            return last.served
        self.abandon()
        if self._misfits and all(one.account_id in self._misfits for one in refused):
            raise next(iter(self._misfits.values()))
        answer = answer_when_nobody_left(refused, now_ms())
        # What failed just now may pass; what a person has to mend does not.
        may_pass = answer.should_retry or (answer.retry_after_s is None and bool(self._failed))
        error = Unavailable(
            answer.message, details={} if may_pass else {"should_retry": False}, retry_after_s=answer.retry_after_s
        )
        error.status, error.kind = answer.status, answer.kind
        raise error


def _required(opened: Opened | None) -> Opened:
    if opened is None:
        raise CcflareError("an answer was judged that never came")
    return opened
