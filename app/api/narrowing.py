"""Filters of the API as the rooms want them: names of accounts and keys become ids."""

from app.accounts.service import views
from app.errors import InvalidInput
from app.runtime import runtime
from app.usage.queries import FacetValue, facets
from app.usage.search import UNSERVED

NO_ACCOUNT = "no_account"
"""Stands for requests that no account served."""


def account_ids(named: tuple[str, ...]) -> tuple[int, ...]:
    """Return the ids of accounts given by id or name, also of deleted ones. Raises InvalidInput."""
    if not named:
        return ()
    known = {value.label: value.value for value in facets("account") if value.label}
    known |= {view.name: str(view.id) for view in views(runtime().vault)}
    return tuple(_account_id(name, known) for name in named)


def key_ids(named: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ids of client keys given by id or name; what is neither stays as it is and finds nothing."""
    if not named:
        return ()
    known: dict[str, str] = {value.label: value.value for value in _keys() if value.label}
    return tuple(known.get(name, name) for name in named)


def _keys() -> tuple[FacetValue, ...]:
    return facets("key")


def _account_id(name: str, known: dict[str, str]) -> int:
    if name in known:
        return int(known[name])
    if name == NO_ACCOUNT:
        return UNSERVED
    if name.isascii() and name.isdigit() and len(name) <= 15:
        return int(name)
    raise InvalidInput.field("accounts", f"no account is named {name}")
