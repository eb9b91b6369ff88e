"""A small table that tests of the database write to: counts of requests by key and minute."""

from typing import Any

from sqlalchemy import select

from app.access.models import KeyMinute
from app.db import reading

KEY = ["key_id", "minute"]


def minute(key_id: str, number: int, requests: int) -> dict[str, Any]:
    """Return a row."""
    return {"key_id": key_id, "minute": number, "requests": requests}


def minutes() -> dict[tuple[str, int], int]:
    """Return what is stored: (key, minute) -> requests."""
    with reading() as session:
        return {(row.key_id, row.minute): row.requests for row in session.execute(select(KeyMinute)).scalars()}
