"""What people typed into a form: texts, numbers, amounts, lists. Wrong input is InvalidInput."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import request

from app.errors import InvalidInput

_MICRO = 1_000_000
_MAX_USD = 1_000_000_000


def text(name: str) -> str:
    """Return a field's text, empty when it did not come."""
    return request.form.get(name, "").strip()


def secret(name: str) -> str:
    """Return a field as it was typed."""
    return request.form.get(name, "")


def is_on(name: str) -> bool:
    """Whether a box is ticked."""
    return request.form.get(name) == "on"


def whole(name: str) -> int:
    """Return a whole number. Raises InvalidInput."""
    found = text(name)
    if not re.fullmatch(r"-?\d{1,12}", found, re.ASCII):
        raise InvalidInput.field(name, "give a whole number")
    return int(found)


def whole_or_none(name: str) -> int | None:
    """Return a whole number, None when the field is empty. Raises InvalidInput."""
    return whole(name) if text(name) else None


def micro_usd_or_none(name: str) -> int | None:
    """Return an amount in USD as micro-USD, None when the field is empty. Raises InvalidInput."""
    found = text(name).removeprefix("$")
    if not found:
        return None
    try:
        amount = Decimal(found)
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or not Decimal(1) / _MICRO <= amount <= _MAX_USD:
        raise InvalidInput.field(name, "give an amount in USD above zero, such as 25 or 0.50")
    return int(amount * _MICRO)


def price_or_none(name: str) -> int | None:
    """Return a price in USD, zero included, as micro-USD; None when the field is empty. Raises InvalidInput."""
    found = text(name).removeprefix("$").strip()
    if not found:
        return None
    if not re.fullmatch(r"\d{1,7}(\.\d{0,6})?|\.\d{1,6}", found, re.ASCII):
        raise InvalidInput.field(name, "give an amount in USD, such as 3 or 0.25")
    return int(Decimal(found) * _MICRO)


def usd_text(micro_usd: int | None) -> str:
    """Return an amount as a field for USD holds it: exact, as short as it goes."""
    if micro_usd is None:
        return ""
    whole, rest = divmod(micro_usd, _MICRO)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")


def words(name: str) -> tuple[str, ...]:
    """Return what stands in a field, one thing a line or separated by commas."""
    return tuple(word for word in re.split(r"[\s,]+", text(name)) if word)


def lines(name: str) -> tuple[str, ...]:
    """Return the lines of a field that hold something."""
    return tuple(line.strip() for line in text(name).splitlines() if line.strip())


def read(**readers: Callable[[], Any]) -> dict[str, Any]:
    """Return what the reader of each field found. Raises one InvalidInput that names every field that is wrong."""
    found: dict[str, Any] = {}
    faults: dict[str, object] = {}
    for name, reader in readers.items():
        try:
            found[name] = reader()
        except InvalidInput as exc:
            faults[name] = next(iter(exc.details.values()), exc.message)
    if faults:
        raise InvalidInput.fields(faults)
    return found


def same(name: str, other: str) -> None:
    """Raise InvalidInput unless two fields hold the same secret."""
    if secret(name) != secret(other):
        raise InvalidInput.field(name, "is not the same as the first")


def is_sent() -> bool:
    """Whether the form was sent, as opposed to asked for."""
    return request.method == "POST"


def sent() -> Mapping[str, str]:
    """Return all that was typed, to show it again."""
    return request.form
