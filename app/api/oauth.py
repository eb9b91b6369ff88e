"""Log-ins over the API: `POST /api/oauth/init` gives the page to open, `/api/oauth/callback` takes what it showed."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from flask import Blueprint

from app.accounts.entry import NewAccount
from app.accounts.overview import AccountView
from app.api.accounts import Priority, Url
from app.api.operations import operation
from app.api.rules import Chars, Name, OneOf, Text
from app.errors import InvalidInput
from app.gate.visitors import actor, own_cookie, visitor
from app.providers import PROVIDERS
from app.runtime import runtime

oauth = Blueprint("oauth", __name__, url_prefix="/oauth")

LogInMode = Annotated[str, OneOf(tuple(name for name, one in PROVIDERS.items() if one.oauth))]


@dataclass(frozen=True, slots=True)
class LogInOrder:
    """A log-in of an account to be (`name`, `mode`), or anew of one that is there (`account`: its name or id)."""

    name: Name | None = None
    account: Name | None = None
    mode: LogInMode = "max"
    priority: Priority = 0
    custom_endpoint: Url | None = None


@dataclass(frozen=True, slots=True)
class LogInBegun:
    """The page to open, and the session that its code belongs to."""

    success: bool
    auth_url: str
    session_id: str
    step: Literal["authorize"]
    expires_at: int


@dataclass(frozen=True, slots=True)
class LogInCode:
    """What the page showed: `code#state`, or the address that it led to."""

    session_id: Text
    code: Annotated[str, Chars(1, 4096)] = field(repr=False)


@dataclass(frozen=True, slots=True)
class LogInDone:
    """The account that is logged in now."""

    success: bool
    message: str
    mode: str
    account: AccountView


@oauth.post("/init")
@operation(errors=(404, 409))
def init(body: LogInOrder) -> LogInBegun:
    """Begin a log-in: of an account to be (`name`, `mode`), or anew of one that is there (`account`)."""
    log_ins = runtime().log_ins
    if body.account is not None:
        begun = log_ins.begin_again(body.account, _browser())
    elif body.name is None:
        raise InvalidInput.field("name", "is missing")
    else:
        new = NewAccount(body.name, body.mode, priority=body.priority, endpoint=body.custom_endpoint)
        begun = log_ins.begin(new, _browser())
    return LogInBegun(True, begun.url, begun.session, "authorize", begun.expires_at)


@oauth.post("/callback")
@operation(errors=(404, 409, 502))
def callback(body: LogInCode) -> LogInDone:
    """Finish a log-in with `sessionId` and `code`, which is what the page showed."""
    view = runtime().log_ins.finish(body.session_id, body.code, actor(), browser=_browser())
    return LogInDone(True, f"{view.name} is logged in.", view.mode, view)


def _browser() -> str | None:
    """Return what only the caller's browser holds; None for a program with a key, which has no browser."""
    return own_cookie() if visitor().user_id is not None else None
