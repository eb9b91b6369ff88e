"""Log-ins over the API: `POST /api/oauth/init` gives the page to open, `/api/oauth/callback` takes what it showed."""

from collections.abc import Mapping

from flask import Blueprint, Response, jsonify, request

from app.accounts.entry import NewAccount
from app.errors import InvalidInput
from app.gate.visitors import actor, own_cookie, visitor
from app.runtime import runtime

oauth = Blueprint("oauth", __name__, url_prefix="/oauth")
"""For the `api` blueprint to take in, so that its guard decides who may call."""


@oauth.post("/init")
def init() -> Response:
    """Begin a log-in: of an account to be (`name`, `mode`), or anew of one that is there (`account`)."""
    given = _body()
    account = _text(given, "account")
    if account is not None:
        begun = runtime().log_ins.begin_again(account, _browser())
    else:
        begun = runtime().log_ins.begin(_new_account(given), _browser())
    return jsonify(
        success=True, authUrl=begun.url, sessionId=begun.session, step="authorize", expires_at=begun.expires_at
    )


@oauth.post("/callback")
def callback() -> Response:
    """Finish a log-in with `sessionId` and `code`, which is what the page showed."""
    given = _body()
    session_id, code = _required(given, "sessionId"), _required(given, "code")
    view = runtime().log_ins.finish(session_id, code, actor(), browser=_browser())
    account = {"id": view.id, "name": view.name, "mode": view.mode, "credential": view.credential}
    return jsonify(success=True, message=f"{view.name} is logged in.", mode=view.mode, account=account)


def _new_account(given: Mapping[str, object]) -> NewAccount:
    priority = given.get("priority", 0)
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise InvalidInput.field("priority", "give a whole number")
    return NewAccount(
        _required(given, "name"),
        _text(given, "mode") or "max",
        priority=priority,
        endpoint=_text(given, "customEndpoint"),
    )


def _browser() -> str | None:
    """Return what only the caller's browser holds; None for a program with a key, which has no browser."""
    return own_cookie() if visitor().user_id is not None else None


def _body() -> Mapping[str, object]:
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        raise InvalidInput.field("body", "give a JSON object")
    return given


def _required(given: Mapping[str, object], name: str) -> str:
    value = _text(given, name)
    if not value:
        raise InvalidInput.field(name, "is missing")
    return value


def _text(given: Mapping[str, object], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidInput.field(name, "give text")
    return value
