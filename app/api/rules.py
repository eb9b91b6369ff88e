"""What a value of a request may be beyond its type. A rule says it once: `check` holds it, `schema` tells it."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

MAX_NUMBER = (1 << 53) - 1
"""The largest number that every reader of JSON keeps exactly."""
_SINGLE_LINE = r"^[^\x00-\x1f\x7f]*$"


@dataclass(frozen=True, slots=True)
class Between:
    """A number within bounds, both inclusive."""

    low: int
    high: int

    @property
    def schema(self) -> dict[str, Any]:
        """Return what the bounds add to a schema."""
        return {"minimum": self.low, "maximum": self.high}

    def check(self, value: Any) -> str | None:
        """Return what is to be given instead, None when the value will do."""
        return None if self.low <= value <= self.high else f"give a whole number from {self.low} to {self.high}"


@dataclass(frozen=True, slots=True)
class Chars:
    """Text on one line of some length."""

    low: int
    high: int

    @property
    def schema(self) -> dict[str, Any]:
        """Return what the bounds add to a schema."""
        return {"minLength": self.low, "maxLength": self.high, "pattern": _SINGLE_LINE}

    def check(self, value: Any) -> str | None:
        """Return what is to be given instead, None when the value will do."""
        if self.low <= len(value) <= self.high and value.isprintable():
            return None
        return f"give {self.low} to {self.high} printable characters"


@dataclass(frozen=True, slots=True)
class Items:
    """A list or an object with at most so many parts."""

    high: int
    is_object: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """Return what the bound adds to a schema."""
        return {"maxProperties" if self.is_object else "maxItems": self.high}

    def check(self, value: Any) -> str | None:
        """Return what is to be given instead, None when the value will do."""
        return None if len(value) <= self.high else f"give at most {self.high}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of some words that a table of the code holds."""

    options: tuple[str, ...]

    @property
    def schema(self) -> dict[str, Any]:
        """Return what the words add to a schema."""
        return {"enum": list(self.options)}

    def check(self, value: Any) -> str | None:
        """Return what is to be given instead, None when the value will do."""
        return None if value in self.options else f"give one of {', '.join(self.options)}"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time: epoch milliseconds, or ISO 8601 with its zone."""

    @property
    def schema(self) -> dict[str, Any]:
        """Return the schema of a time in a query."""
        return {
            "type": ["integer", "string"],
            "minimum": 0,
            "maximum": MAX_NUMBER,
            "format": "date-time",
            "description": "Epoch milliseconds, or ISO 8601 with its zone",
        }

    def check(self, value: Any) -> str | None:
        """Return what is to be given instead, None when the value will do."""
        return None if 0 <= value <= MAX_NUMBER else "give epoch milliseconds, or ISO 8601 with its zone"

    @staticmethod
    def parse(text: str) -> int | None:
        """Return epoch milliseconds, None when the text is no time."""
        if re.fullmatch(r"\d{1,16}", text, re.ASCII):
            return int(text)
        try:
            told = datetime.fromisoformat(text)
            return None if told.tzinfo is None else round(told.timestamp() * 1000)
        except (ValueError, OverflowError):
            return None


Text = Annotated[str, Chars(1, 200)]
Name = Annotated[str, Chars(1, 100)]
Time = Annotated[int, Moment()]
Cursor = Annotated[str, Chars(1, 1000)]
Values = Annotated[tuple[Text, ...], Items(50)]
"""Some of the values that a filter offers."""
