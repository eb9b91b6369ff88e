"""What an operator enters of an account, checked before it is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.errors import InvalidInput
from app.providers import Provider
from app.values import TokenPair

_MAX_PRIORITY = 100
_MAX_KEY_CHARS = 4096
_MAX_REASON_CHARS = 500


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to be. `api_key` or `tokens`, whichever the mode needs; `endpoint` None: the mode's own."""

    name: str
    mode: str
    api_key: str | None = field(default=None, repr=False)
    tokens: TokenPair | None = field(default=None, repr=False)
    priority: int = 0
    endpoint: str | None = None
    model_mappings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def checked_priority(priority: int) -> int:
    """Return a priority that may be given. Raises InvalidInput."""
    if not 0 <= priority <= _MAX_PRIORITY:
        raise InvalidInput.field("priority", f"give a whole number from 0 to {_MAX_PRIORITY}")
    return priority


def checked_key(text: str) -> str:
    """Return an API key without the blanks around it. Raises InvalidInput."""
    key = text.strip()
    if not key:
        raise InvalidInput.field("api_key", "is empty")
    if len(key) > _MAX_KEY_CHARS:
        raise InvalidInput.field("api_key", f"has {len(key):,} characters; give at most {_MAX_KEY_CHARS:,}")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidInput.field("api_key", "give printable ASCII characters without blanks")
    return key


def checked_credential(provider: Provider, new: NewAccount) -> str | None:
    """Return the API key of a new account, or None when it has none. Raises InvalidInput."""
    if new.tokens is not None:
        if new.api_key is not None:
            raise InvalidInput.field("api_key", "give either a key or tokens")
        check_takes_tokens(provider)
        return None
    if provider.secret_kind == "oauth":  # noqa: S105 - a kind of secret
        raise InvalidInput.field("tokens", f"a {provider.name} account is added by logging in")
    if not new.api_key and not provider.needs_secret:
        return None
    return checked_key(new.api_key or "")


def check_takes_tokens(provider: Provider) -> None:
    """Refuse tokens for an account that is reached by an API key. Raises InvalidInput."""
    if provider.secret_kind != "oauth":  # noqa: S105 - a kind of secret
        raise InvalidInput.field("tokens", f"a {provider.name} account is reached by an API key, not by tokens")


def checked_reason(reason: str | None) -> str | None:
    """Return why an account is paused, None when nothing was said. Raises InvalidInput."""
    text = (reason or "").strip()
    if len(text) > _MAX_REASON_CHARS or not text.isprintable():
        raise InvalidInput.field("reason", f"give at most {_MAX_REASON_CHARS} printable characters")
    return text or None
