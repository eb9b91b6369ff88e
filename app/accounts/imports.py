"""Tokens that exist already: from a backup, or from the login file of Claude Code on this machine."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.errors import InvalidInput, NotFound
from app.values import TokenPair

CLAUDE_CODE_FILE = Path("~/.claude/.credentials.json")
_FILE_SHAPE = '{"claudeAiOauth": {"accessToken", "refreshToken", "expiresAt"}}'
_MAX_BYTES = 1 << 20
_MAX_CHARS = 8192
_SECONDS_BELOW = 100_000_000_000
"""As milliseconds this is 1973: a smaller time of expiry is given in seconds."""
_LAST = 253_402_300_799_000
"""The end of the year 9999, which is as far as dates go."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a login file holds. `path` is where it was."""

    path: str
    tokens: TokenPair
    subscription: str | None


def claude_code(file: Path | None = None) -> Found:
    """Read the login file of Claude Code; nothing in it is changed. Raises NotFound or InvalidInput."""
    path = (file or CLAUDE_CODE_FILE).expanduser()
    try:
        with path.open("rb") as handle:
            content = handle.read(_MAX_BYTES)
    except OSError as exc:
        raise NotFound(f"The login file {path} cannot be read: {exc.strerror}.") from exc
    login = _login(_object(content, "file"))
    subscription = login.get("subscriptionType")
    return Found(str(path), _pair(login, "file"), subscription if isinstance(subscription, str) else None)


def tokens_of(text: str) -> TokenPair:
    """Read tokens given as JSON: `access_token`, `refresh_token`, `expires_at` (ms). Raises InvalidInput."""
    return _pair(_login(_object(text.encode(), "tokens")), "tokens")


def _object(content: bytes, name: str) -> Mapping[str, object]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        shape = _FILE_SHAPE if name == "file" else '{"access_token", "refresh_token", "expires_at"}'
        raise InvalidInput.field(name, f"is no JSON object like {shape}")
    return value


def _login(outer: Mapping[str, object]) -> Mapping[str, object]:
    inner = outer.get("claudeAiOauth")
    return inner if isinstance(inner, dict) else outer


def _pair(login: Mapping[str, object], name: str) -> TokenPair:
    access_token = _token(login, name, "access_token", "accessToken")
    refresh_token = _token(login, name, "refresh_token", "refreshToken")
    if access_token is None and refresh_token is None:
        shape = f"; a login file of Claude Code looks like {_FILE_SHAPE}" if name == "file" else ""
        raise InvalidInput.field(name, f"holds neither an access token nor a refresh token{shape}")
    expires_at = _time(login.get("expires_at", login.get("expiresAt")), name)
    if access_token is None:
        # Expired from the start, so that the first use refreshes it.
        return TokenPair("", refresh_token, 1, _scope(login))
    return TokenPair(access_token, refresh_token, expires_at, _scope(login))


def _token(login: Mapping[str, object], name: str, *keys: str) -> str | None:
    value = next((login[key] for key in keys if login.get(key) is not None), None)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > _MAX_CHARS or not value.isascii() or not value.isprintable():
        raise InvalidInput.field(name, f"{keys[0]} is no token")
    return value


def _time(value: object, name: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST:
        raise InvalidInput.field(name, "expires_at is no time in milliseconds since 1970")
    return int(value * 1000 if value < _SECONDS_BELOW else value)


def _scope(login: Mapping[str, object]) -> str | None:
    value = login.get("scope", login.get("scopes"))
    if isinstance(value, list):
        return " ".join(str(part) for part in value)[:1000] or None
    return value[:1000] if isinstance(value, str) else None
