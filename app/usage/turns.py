"""What of a recorded request matters for the prompt cache."""

from typing import Any

from app.usage.cache_losses import Turn
from app.usage.models import Request
from app.usage.rollup import CLASS_TOKENS
from app.usage.rows import tokens_of

TURN_COLUMNS = tuple(
    Request.__table__.c[name]
    for name in (
        *("id", "started_at", "agent_id", "account_id", "account_name", "model_used"),
        *CLASS_TOKENS,
        "web_searches",
    )
)


def turn_of(row: Any) -> Turn:
    """Return a row with at least `TURN_COLUMNS` as a value."""
    return Turn(row.id, row.started_at, row.account_id, row.account_name, row.model_used, tokens_of(row))
