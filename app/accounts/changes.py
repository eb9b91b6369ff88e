"""One log line when an account stops serving, and one when it serves again; never one a request."""

import logging
from collections.abc import Iterable

from app.accounts.health import Health, health_of
from app.accounts.states import AccountState
from app.figures import utc
from app.values import Candidate

log = logging.getLogger(__name__)


def tell_worse(before: Candidate, after: Candidate, everyone: Iterable[Candidate], at: int) -> None:
    """Warn of an account that cannot be asked any more, or for another reason, and when nobody else can."""
    was, now = health_of(before, at), health_of(after, at)
    if now.is_ok or (was.state, was.reason) == (now.state, now.reason):
        return
    log.warning("account %s does not serve: %s", after.name, _words(now))
    others = [(one.name, health_of(one, at)) for one in everyone]
    if was.is_ok and not any(health.is_ok for _, health in others):
        log.warning("no account can serve: %s", "; ".join(f"{name}: {_words(health)}" for name, health in others))


def tell_model_worse(candidate: Candidate, family: str, reason: str, until: int) -> None:
    """Warn of a family of models that an account cannot serve any more."""
    log.warning("account %s does not serve %s models: %s, until %s", candidate.name, family, reason, utc(until))


def tell_better(before: Candidate, after: Candidate) -> None:
    """Tell of an account that serves again after a cool-down, or that is logged in again."""
    if before.needs_reauth and not after.needs_reauth:
        log.info("account %s is logged in again", after.name)
    elif before.cooldown_until is not None and after.cooldown_until is None:
        log.info("account %s serves again", after.name)


def tell_loaded(old: AccountState, new: AccountState) -> None:
    """Tell what was read anew of an account and was not told where it came from."""
    if old.candidate.needs_reauth and not new.candidate.needs_reauth:
        tell_better(old.candidate, new.candidate)
    if new.secrets.fault is not None and old.secrets.fault is None:
        log.warning(
            "account %s does not serve: its credential cannot be used: %s", new.candidate.name, new.secrets.fault
        )


def _words(health: Health) -> str:
    reason = f" ({health.reason})" if health.reason else ""
    until = f", until {utc(health.until)}" if health.until is not None else ""
    return f"{health.state.replace('_', ' ')}{reason}{until}"
