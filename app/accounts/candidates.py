"""Account rows as routing sees them."""

import json
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import Account, AccountWindow, ModelCooldown
from app.values import Candidate, Window, WindowSource


def candidate_of(
    row: Account,
    windows: Iterable[Window],
    model_cooldowns: Mapping[str, int],
    base_urls: Mapping[str, str],
) -> Candidate:
    """Return the frozen value of an account row. `base_urls`: provider -> base URL from the settings."""
    return Candidate(
        id=row.id,
        name=row.name,
        provider=row.provider,
        priority=row.priority,
        endpoint=row.endpoint or base_urls.get(row.provider),
        model_mappings=read_mappings(row.model_mappings),
        paused=row.paused_at is not None,
        pause_reason=row.pause_reason,
        paused_by=row.paused_by,
        needs_reauth=row.needs_reauth_at is not None,
        cooldown_until=row.cooldown_until,
        cooldown_reason=row.cooldown_reason,
        model_cooldowns=dict(model_cooldowns),
        windows=tuple(windows),
        overage_allowed=row.overage_allowed,
        session_start=row.session_start,
        session_reset_at=row.session_reset_at,
    )


def read_mappings(text: str | None) -> dict[str, tuple[str, ...]]:
    """Return the model mappings of a row: model or family -> targets in order."""
    if not text:
        return {}
    return {name: tuple(targets) for name, targets in json.loads(text).items()}


def window_of(row: AccountWindow) -> Window:
    """Return a stored window as a value."""
    source: WindowSource = "poll" if row.source == "poll" else "header"
    return Window(row.kind, row.utilization, row.reset_at, row.status, row.seen_at, source)


def read_limits(
    session: Session, ids: Collection[int] | None = None
) -> tuple[dict[int, list[Window]], dict[int, dict[str, int]]]:
    """Return the windows, and the model cool-downs (family -> until), by account; `ids` None: of all accounts."""
    seen, cooling = select(AccountWindow), select(ModelCooldown)
    if ids is not None:
        seen, cooling = seen.where(AccountWindow.account_id.in_(ids)), cooling.where(ModelCooldown.account_id.in_(ids))
    windows: dict[int, list[Window]] = {}
    for row in session.execute(seen).scalars():
        windows.setdefault(row.account_id, []).append(window_of(row))
    cooldowns: dict[int, dict[str, int]] = {}
    for one in session.execute(cooling).scalars():
        cooldowns.setdefault(one.account_id, {})[one.family] = one.until
    return windows, cooldowns
