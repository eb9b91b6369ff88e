"""The error that an answer tells of, in Anthropic's shape or OpenAI's, as a body or as an event of a stream."""

import json
import re
from dataclasses import dataclass

from app.providers.sse import first_event
from app.redaction import redact

STATUS_OF_ERROR = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""Error types: https://platform.claude.com/docs/en/api/errors, and OpenAI's codes."""

_MAX_CHARS = 200
_MISSING_MODEL = re.compile(
    r"^model: |\bmodel\b.*\b(?:not found|not exist|not supported|not available)\b|not a valid model|unknown model"
    r"|no endpoints found",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class UpstreamError:
    """The error object of an answer. Empty strings where it says nothing."""

    type: str = ""
    code: str = ""
    message: str = ""

    @property
    def status(self) -> int:
        """The HTTP status that this error would have had before the stream began."""
        if self.code.isascii() and self.code.isdecimal() and 400 <= int(self.code[:4]) < 600:
            return int(self.code)
        return STATUS_OF_ERROR.get(self.type) or STATUS_OF_ERROR.get(self.code) or 500


def read_error(head: bytes) -> UpstreamError | None:
    """Return the error that a body or the first event of a stream tells of; None when it is no error.

    `head`: the first 64 KiB of a decoded body, or the first events of a stream.
    """
    text = head.lstrip()
    return _error_object(text, is_named_error=False) if text[:1] == b"{" else first_event_error(text)


def first_event_error(head: bytes) -> UpstreamError | None:
    """Return the error that the first server-sent event is; None when it is another event, or there is none.

    An event that the end of `head` cuts off counts as whole.
    """
    first = first_event(head + b"\n\n")
    if first is None:
        return None
    event = first[0]
    return _error_object(event.data, is_named_error=event.event == "error")


def is_missing_model(status: int, head: bytes) -> bool:
    """Whether an answer says that the upstream does not have the model, in whichever words."""
    if status not in (400, 404):
        return False
    error = read_error(head) or UpstreamError()
    if "model_not_found" in (error.code, error.type):
        return True
    return _MISSING_MODEL.search(error.message) is not None


def redacted(text: str) -> str:
    """Return an upstream's words on one line, short, without anything that looks like a credential."""
    return redact(" ".join(text.split()))[:_MAX_CHARS]


def _error_object(data: bytes, *, is_named_error: bool) -> UpstreamError | None:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        return UpstreamError() if is_named_error else None
    error = body.get("error")
    if isinstance(error, dict):
        return UpstreamError(*(_word(error.get(key)) for key in ("type", "code", "message")))
    if error or is_named_error or body.get("type") == "error":
        return UpstreamError(_word(error), _word(body.get("code")), _word(body.get("message") or error))
    return None


def _word(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
