"""What the proxy door answers by itself: errors, in the shape that the client expects."""

import json
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from app.errors import CcflareError
from app.providers.openai_wire.errors import error_to_openai
from app.values import Headers, Shape, id_text

_STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus} | {529: "529 Overloaded"}
REQUEST_ID = "x-ccflare-request-id"


class Reply:
    """A finished decision as a WSGI response: status, headers, and an iterable of bytes."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[tuple[str, str]], body: Iterable[bytes]) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as WSGI asks."""
        start_response(_STATUS_LINES.get(self.status) or f"{self.status} Status", self.headers)
        return self.body


def error_body(kind: str, message: str, request_id: int) -> bytes:
    """Return an error in Anthropic's shape."""
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": id_text(request_id)}
    return json.dumps(error, ensure_ascii=False).encode("utf-8", "replace")


def error_headers(error: CcflareError, request_id: int) -> Headers:
    """Return the headers of an error answer, without its length."""
    headers = [("content-type", "application/json"), (REQUEST_ID, id_text(request_id))]
    if error.retry_after_s is not None:
        headers.append(("retry-after", str(error.retry_after_s)))
    if error.details.get("should_retry") is False:
        headers.append(("x-should-retry", "false"))
    return tuple(headers)


def error_reply(error: CcflareError, request_id: int, shape: Shape = "anthropic") -> tuple[Reply, bytes]:
    """Return an error as an answer, and its body for the record."""
    body = error_body(error.kind, error.message, request_id)
    if shape == "openai":
        body = error_to_openai(error.status, body)
    headers = [*error_headers(error, request_id), ("content-length", str(len(body)))]
    return Reply(error.status, headers, [body]), body
