"""Errors of one API in the shape of the other: of a status, and inside a stream."""

from app.providers.openai_wire.tables import ERROR_TYPE_OF_CODE, ERROR_TYPE_OF_STATUS, OPENAI_ERRORS
from app.providers.openai_wire.translation import Json, dumps, items, mapping, number, parsed, text

_TOO_LONG = "context_length_exceeded"
_SHOWN_CHARS = 2_000


def error_to_anthropic(status: int, body: bytes) -> bytes:
    """Return an upstream's error body in Anthropic's shape; any body will do, also one that is not JSON."""
    return dumps(anthropic_error(parsed(body), status, fallback=body[:_SHOWN_CHARS].decode(errors="replace")))


def anthropic_error(value: object, status: int | None = None, *, fallback: str = "") -> Json:
    """Return Anthropic's error object for what an OpenAI-shaped server said.

    `status` None: the error came inside a stream, so its own code tells the kind.
    """
    error = _error_of(value)
    said = text(error.get("message")) or text(error.get("detail")) or fallback.strip()
    code = text(error.get("code")) or text(error.get("type"))
    if status is None:
        status = number(error.get("code")) or number(error.get("status"))
    kind = _kind(status, code, text(error.get("type")))
    message = said or f"The upstream failed with status {status}." if status else said or "The upstream failed."
    if code == _TOO_LONG:
        # Agents know an overflow by these words, and answer it by compacting their context.
        message = f"prompt is too long: {message}"
    return {"type": "error", "error": {"type": kind, "message": message}}


def error_to_openai(status: int, body: bytes) -> bytes:
    """Return an Anthropic error body, or any other body of that status, in OpenAI's shape."""
    return dumps(openai_error(parsed(body), status, fallback=body[:_SHOWN_CHARS].decode(errors="replace")))


def openai_error(value: object, status: int | None = None, *, fallback: str = "") -> Json:
    """Return OpenAI's error object for what Anthropic's API said."""
    error = _error_of(value)
    kind = text(error.get("type"))
    if kind not in OPENAI_ERRORS:
        kind = _kind(status, "", kind)
    name, code = OPENAI_ERRORS[kind]
    message = text(error.get("message")) or fallback.strip() or "The upstream failed."
    if kind == "invalid_request_error" and "prompt is too long" in message.lower():
        code = _TOO_LONG
    return {"error": {"message": message, "type": name, "param": None, "code": code}}


def _kind(status: int | None, code: str, kind: str) -> str:
    if status is not None and status >= 400:
        default = "api_error" if status >= 500 else "invalid_request_error"
        return ERROR_TYPE_OF_STATUS.get(status, default)
    if kind in OPENAI_ERRORS and code in ("", kind):
        return kind
    return ERROR_TYPE_OF_CODE.get(code) or ERROR_TYPE_OF_CODE.get(kind) or "api_error"


def _error_of(value: object) -> Json:
    """Return the innermost error object: servers wrap it in `error`, in an array, or not at all."""
    if items(value):
        value = items(value)[0]
    outer = mapping(value)
    inner = outer.get("error")
    if isinstance(inner, str):
        return {**outer, "message": text(outer.get("message")) or inner}
    return mapping(inner) or outer
