"""All requests that a filter means, as CSV or JSON lines: streamed, of any size, in short reads."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal

from sqlalchemy import Row

from app.audit import Actor, note
from app.db import reading, transaction
from app.errors import InvalidInput
from app.figures import iso
from app.usage.models import Request
from app.usage.rollup import CLASS_COSTS, CLASS_TOKENS
from app.usage.rows import key_names
from app.usage.search import Filter, find
from app.values import id_text

Format = Literal["csv", "jsonl"]
FORMATS: tuple[Format, ...] = ("csv", "jsonl")
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}

_PAGE = 1000
_NAMES = (
    *("id", "started_at", "first_byte_at", "first_token_at", "ended_at", "method", "path", "model", "model_served"),
    *("stream", "account_id", "account_name", "provider", "strategy", "key_id", "session_id", "agent_id"),
    *("parent_agent_id", "status", "outcome", "error", "attempts", "upstream_request_id", "stop_reason"),
    *("user_agent", "is_synthetic", "is_partial", "request_bytes", "answer_bytes"),
    *(*CLASS_TOKENS, "web_searches", "tokens_per_s", *CLASS_COSTS, "cost", "price_version"),
)
_COLUMNS = tuple(Request.__table__.c[name] for name in _NAMES)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class _Field:
    """One column of the export: its name, and whether it is a time or an amount of micro-USD."""

    name: str
    column: str
    is_time: bool = False


def _field(name: str) -> _Field:
    if name == "cost" or name.endswith("_cost"):
        return _Field(f"{name}_micro_usd", name)
    return _Field(name, name, is_time=name.endswith("_at"))


_FIELDS = tuple(_field(name) for name in _NAMES)
FIELDS = (*(field.name for field in _FIELDS), "key_name")
"""The columns of an export. Times are ISO 8601 in UTC, costs micro-USD; what is not known is empty, or null."""


def export(wanted: Filter, form: str) -> Iterator[str]:
    """Yield the export piece by piece, newest request first; a CSV begins with the names of its columns.

    In a CSV, a text that a spreadsheet would take for a formula has an apostrophe put before it. Raises InvalidInput.
    Call inside an app context that lives as long as the iteration, off the event loop.
    """
    if form not in FORMATS:
        raise InvalidInput.field("format", f"give one of {', '.join(FORMATS)}")
    return _pieces(wanted, form == "csv")


def noted_export(wanted: Filter, form: str, actor: Actor) -> Iterator[str]:
    """Return the export as above, with an entry in the audit log."""
    pieces = export(wanted, form)
    told = {one.name: getattr(wanted, one.name) for one in fields(wanted)}
    narrowing = "".join(f", {name} {value}" for name, value in told.items() if value not in (None, ()))
    with transaction() as session:
        note(session, actor, "history.export", None, f"{form}{narrowing}")
    return pieces


def _pieces(wanted: Filter, is_csv: bool) -> Iterator[str]:
    if is_csv:
        yield _csv([FIELDS])
    cursor: int | None = None
    while True:
        with reading() as session:
            names = key_names(session)
            found = find(session, _COLUMNS, wanted, cursor, _PAGE, None)
        values = [_values(row, names) for row in found.rows]
        if values:
            yield _csv([_shielded(one) for one in values]) if is_csv else _json_lines(values)
        if found.more_below is None:
            return
        cursor = found.more_below


def _values(row: Row[Any], names: dict[str, str]) -> list[Any]:
    values: list[Any] = []
    for field, value in zip(_FIELDS, row):
        if field.name == "id":
            values.append(id_text(value))
        elif field.is_time and value is not None:
            values.append(iso(value))
        elif field.name == "outcome":
            values.append(value or "running")
        else:
            values.append(value)
    return [*values, names.get(row.key_id or "")]


def _shielded(values: list[Any]) -> list[Any]:
    return [f"'{one}" if isinstance(one, str) and one.startswith(_FORMULA) else one for one in values]


def _csv(rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _json_lines(rows: list[list[Any]]) -> str:
    return "".join(f"{json.dumps(dict(zip(FIELDS, row)), ensure_ascii=False)}\n" for row in rows)
