"""The words of a script: each function returns one step, a plain dict that travels as JSON.

Transport options, on every step: `delay_s` (before the head), `first_event_delay_s` (between head and body),
`event_delay_s`, `encoding` (gzip br zstd deflate accept), `chunk` (event, whole, bytes:N, split-utf8, split-line),
`framing` (chunked length close), `headers` (pairs to add), `drop_headers`, `informational` (e.g. [103]),
`early` (answer before the body is read).
"""

from typing import Any, Literal

Step = dict[str, Any]
Place = int | Literal["request"]
"""Where in an answer: before its head, or after so many SSE events (0: right after the head)."""


def message(**options: Any) -> Step:
    """A good answer, in the shape that the path wants.

    Content: `text`, `thinking`, `tools` ([{"name", "input"}]), `search` (a web search with citations: the query),
    `citations`, `refusal`, `stop_reason`, `model`, `usage` (laid over the computed one), `events` (number of text
    deltas), `comments` (OpenAI: keep-alive lines in the stream).
    """
    return {"kind": "message", **options}


def limited(window: str = "5h", reset_in_s: float = 3600, **options: Any) -> Step:
    """A 429. `window`: 5h, 7d, both, 7d_oi, 7d_opus, out_of_credits, unified-only, 5h-only, retry-after, windowless,
    requests, tokens, input-tokens, output-tokens, zai, openai, openai-quota.

    `both` also takes `reset_7d_in_s`.
    """
    return {"kind": "limited", "window": window, "reset_in_s": reset_in_s, **options}


def status(
    code: int, body: Any = None, *, message: str | None = None, retry_after: str | float | None = None, **options: Any
) -> Step:
    """Any status; `body` is a dict (JSON), a string, or None for the provider's own error shape."""
    headers = list(options.pop("headers", ()))
    if retry_after is not None:
        headers.append(["retry-after", str(retry_after)])
    return {"kind": "status", "status": code, "body": body, "message": message, "headers": headers, **options}


def overloaded(**options: Any) -> Step:
    """529 overloaded_error."""
    return status(529, **options)


def unauthorized(message: str | None = None, **options: Any) -> Step:
    """401 authentication_error, in the words for the kind of credential that came."""
    return status(401, message=message, **options)


def revoked(**options: Any) -> Step:
    """403 for an OAuth token that was taken back."""
    return status(403, message="OAuth token has been revoked. Please obtain a new token.", **options)


def forbidden(message: str | None = None, **options: Any) -> Step:
    """403 permission_error."""
    return status(403, message=message, **options)


def payload(body: Any, code: int = 200, **options: Any) -> Step:
    """A JSON answer with exactly this body."""
    return status(code, body, **options)


def first_event_error(kind: str = "overloaded_error", **options: Any) -> Step:
    """200, an event stream, and its first event is an error."""
    return {"kind": "message", "error_after": 0, "error_kind": kind, **options}


def mid_stream_error(after_events: int = 4, kind: str = "overloaded_error", **options: Any) -> Step:
    """A stream that breaks off with an error event; the HTTP message itself ends cleanly."""
    return {"kind": "message", "error_after": after_events, "error_kind": kind, **options}


def cut(after_events: Place = 3, **options: Any) -> Step:
    """Close the connection in the middle (FIN, no last chunk)."""
    return message(end={"how": "cut", "after": after_events}, **options)


def rst(after_events: Place = "request", **options: Any) -> Step:
    """Reset the connection, before the head or after some events."""
    return message(end={"how": "rst", "after": after_events}, **options)


def silent(at: Place = "request", for_s: float | None = None, **options: Any) -> Step:
    """Say nothing more; with `for_s` go on afterwards, else until the peer leaves."""
    return message(end={"how": "silent", "after": at, "for_s": for_s}, **options)


def early_end(after_events: int = 3, **options: Any) -> Step:
    """End the HTTP message cleanly before the stream's own end."""
    return message(end={"how": "end", "after": after_events}, **options)


def short_body(after_events: int = 1, **options: Any) -> Step:
    """Close before as many bytes came as Content-Length promised."""
    return message(framing="length", end={"how": "cut", "after": after_events}, **options)


def early_close_of_idle_connection(when: Literal["at_once", "on_next"] = "at_once", **options: Any) -> Step:
    """A good answer with keep-alive whose connection is then closed: at once, or when the next request comes on it."""
    return message(then="close" if when == "at_once" else "close_on_next", **options)


def hold(name: str, step: Step | None = None, *, at: Place = "request") -> Step:
    """The step, stopped at a place until the test releases the gate of that name."""
    held = dict(step or message())
    held["gates"] = {**held.get("gates", {}), str(at): name}
    return held


def usage(shape: Literal["flat", "limits", "both", "nulls", "unknown"] = "flat", **options: Any) -> Step:
    """An answer of the usage endpoint. Utilisation (0-100): `five_hour`, `seven_day`; `reset_in_s`, `reset_7d_in_s`."""
    return {"kind": "message", "shape": shape, **options}


def tokens(**options: Any) -> Step:
    """A good answer of the token endpoint: `expires_in_s`, `rotate` (False: keep the old one), `without_refresh`."""
    return {"kind": "message", **options}


def invalid_grant(**options: Any) -> Step:
    """The token endpoint's word for a dead refresh token."""
    return payload(
        {"error": "invalid_grant", "error_description": "Refresh token not found or invalid"}, 400, **options
    )


def rotates_then_cuts(**options: Any) -> Step:
    """The token endpoint rotates the pair (the old token is dead) and the answer is lost on the line."""
    return cut("request", **options)
