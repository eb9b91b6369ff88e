"""Filters of the API as the rooms want them: names of accounts and keys become ids."""

from collections.abc import Iterator

from app.accounts.service import views
from app.errors import InvalidInput
from app.runtime import runtime
from app.usage.queries import facets
from app.usage.search import UNSERVED

NO_ACCOUNT = "no_account"
"""Stands for requests that no account served."""


def account_ids(named: tuple[str, ...]) -> tuple[int, ...]:
    """Return the ids of accounts given by id or name, also of deleted ones. Raises InvalidInput."""
    if not named:
        return ()
    known = {value.label: value.value for value in facets("account") if value.label}
    known |= {view.name: str(view.id) for view in views(runtime().vault)}
    return tuple(_account_id(name, known) for name in _whole(named, known))


def key_ids(named: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ids of client keys given by id or name; what is neither stays as it is and finds nothing."""
    if not named:
        return ()
    known: dict[str, str] = {value.label: value.value for value in facets("key") if value.label}
    return tuple(known.get(name, name) for name in _whole(named, known))


def check_order(start: int | None, end: int | None) -> None:
    """Refuse a time that ends before it begins. Raises InvalidInput."""
    if start is not None and end is not None and start >= end:
        raise InvalidInput.field("from", "lies not before to")


def _whole(named: tuple[str, ...], known: dict[str, str]) -> Iterator[str]:
    """Yield the names in a list that was split at its commas; the longest that is known, for names may hold commas."""
    at = 0
    while at < len(named):
        ends = range(len(named), at + 1, -1)
        end = next((end for end in ends if ",".join(named[at:end]) in known), at + 1)
        yield ",".join(named[at:end])
        at = end


def _account_id(name: str, known: dict[str, str]) -> int:
    if name in known:
        return int(known[name])
    if name == NO_ACCOUNT:
        return UNSERVED
    if name.isascii() and name.isdigit() and len(name) <= 15:
        return int(name)
    raise InvalidInput.field("accounts", f"no account is named {name}")
