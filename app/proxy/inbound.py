"""The client's side of a request: who it is, the whole body within bounds, and the ProxyRequest made of both."""

import re
from functools import lru_cache
from typing import Any

from app.access.keys import KeyTable, Principal, presented
from app.clock import now_ms
from app.errors import InvalidInput, NoMethod, NotAllowed, NotAuthenticated, NoUpgrade, TooLarge, TooSlow
from app.flights import Flight
from app.loopback import is_loopback, is_loopback_host
from app.providers.forwarding import is_forwarding
from app.providers.models import model_family
from app.usage.inspect import batch_models, peek, plain
from app.values import Headers, ProxyRequest, new_request_id
from config import Settings

_BATCHES = "/v1/messages/batches"
_PIECE_BYTES = 65536
_LOCAL = Principal("client", "local")
_MAX_SESSION_ID = 200
_ABSOLUTE = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
"""Where the absolute form begins that a client sends to what it takes for a forward proxy."""


def authenticate(keys: KeyTable, environ: dict[str, Any]) -> Principal:
    """Return who makes the request. Raises NotAuthenticated, or InvalidInput on a doubled credential."""
    key = presented(environ)
    if key is not None:
        return keys.verify(key)
    if keys.is_empty:
        _require_local(environ)
        return _LOCAL
    raise NotAuthenticated("Send a client key of this proxy in `x-api-key` or as `Authorization: Bearer`.")


def _require_local(environ: dict[str, Any]) -> None:
    """Let a keyless request in only from this machine, addressed as this machine, and from no web page elsewhere."""
    is_forwarded = any(is_forwarding(name) for name, _ in headers_of(environ))
    if not is_loopback(environ.get("REMOTE_ADDR", "")) or is_forwarded:
        raise NotAuthenticated(
            "Requests from elsewhere need a client key, and there is none yet: `flask ccflare keys create NAME`."
        )
    if not is_loopback_host(environ.get("HTTP_HOST", "")):
        raise NotAuthenticated("Without a client key the Host must be localhost or a loopback address.")
    origin = environ.get("HTTP_ORIGIN", "")
    site = environ.get("HTTP_SEC_FETCH_SITE", "none").lower()
    is_foreign = origin not in ("", "null") and not is_loopback_host(origin.partition("://")[2])
    if site not in ("none", "same-origin") or is_foreign or origin == "null":
        raise NotAuthenticated("A web page of another site may not use this proxy without a client key.")


def require_http(environ: dict[str, Any]) -> None:
    """Refuse what is no request for a resource. Raises NoUpgrade, NoMethod, InvalidInput.

    A WebSocket is refused by the status at which clients go on over HTTP; the answer to TRACE would hold the account's
    credential.
    """
    if environ["REQUEST_METHOD"] in ("TRACE", "CONNECT"):
        raise NoMethod("This method is not spoken here.")
    if environ.get("HTTP_UPGRADE", "").lower() == "websocket":
        raise NoUpgrade("WebSockets are not spoken here. Send the request as a POST and read its events.")
    if environ.get("HTTP_TRANSFER_ENCODING", "chunked").strip().lower() != "chunked":
        raise InvalidInput.field("transfer-encoding", "only `chunked` is understood; name others in content-encoding")


def read_body(environ: dict[str, Any], settings: Settings, flight: Flight) -> bytes:
    """Read the whole body. Raises TooLarge, TooSlow, or InvalidInput when it is shorter than it says."""
    limit = settings.max_body_bytes
    declared = _declared_length(environ)
    if declared == 0 or (declared is None and "HTTP_TRANSFER_ENCODING" not in environ):
        return b""
    if declared is not None and declared > limit:
        raise _too_large(limit)
    source = environ["wsgi.input"]
    pieces: list[bytes] = []
    size = 0

    def slow() -> TooSlow:
        return TooSlow(f"The request body made no progress for {settings.body_timeout_s:g} s.")

    while True:
        flight.expect(settings.body_timeout_s, slow)
        try:
            piece = source.read(_PIECE_BYTES)
        except TooSlow:
            raise
        except Exception as exc:
            raise InvalidInput(f"The request body is malformed or was cut off: {type(exc).__name__}.") from exc
        if not piece:
            break
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        pieces.append(piece)
    flight.wait_free()
    if declared is not None and size != declared:
        raise InvalidInput(f"The request body ended after {size} of {declared} bytes.")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _declared_length(environ: dict[str, Any]) -> int | None:
    text = environ.get("CONTENT_LENGTH", "")
    if not text:
        return None
    if not text.isdigit():
        raise InvalidInput("content-length is no number.")
    return int(text)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The request body is larger than {limit} bytes (CCFLARE_MAX_BODY_BYTES).")


def headers_of(environ: dict[str, Any]) -> Headers:
    """Return the client's header fields with lower-case names; the server has joined repeated ones by a comma."""
    found = []
    for key, value in environ.items():
        name = _field_name(key)
        if name is not None and (value or key.startswith("HTTP_")):
            found.append((name, value))
    return tuple(found)


@lru_cache(maxsize=1024)
def _field_name(key: str) -> str | None:
    """Return the header field that a key of the environment holds, None for other keys."""
    if key.startswith("HTTP_"):
        return key[5:].replace("_", "-").lower()
    return key.replace("_", "-").lower() if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else None


def proxy_request(environ: dict[str, Any], principal: Principal, body: bytes, received_at: int) -> ProxyRequest:
    """Build the ProxyRequest.

    Raises NotAllowed when the principal may not ask for what it asks, InvalidInput on a target that is not below /v1.
    """
    target: str = environ.get("RAW_URI") or environ["PATH_INFO"]
    if not target.startswith("/"):
        target = _ABSOLUTE.sub("", target, count=1)
    if not target.startswith("/v1/"):
        # The server has read a path below /v1 out of it; an upstream might read another one.
        raise InvalidInput.field("path", "write /v1/ plainly")
    path = target.partition("?")[0]
    facts = peek(body, environ.get("CONTENT_TYPE", ""), environ.get("HTTP_CONTENT_ENCODING", ""))
    forced = environ.get("HTTP_X_CCFLARE_ACCOUNT")
    if forced is not None and principal.role != "admin":
        raise NotAllowed("`x-ccflare-account` needs an admin key.")
    if principal.models and body:
        _require_model(principal, facts.model, path)
        if path == _BATCHES:
            _require_batch(principal, body, environ.get("HTTP_CONTENT_ENCODING", ""))
    session_id = environ.get("HTTP_X_CLAUDE_CODE_SESSION_ID") or facts.session_id or environ.get("HTTP_SESSION_ID")
    return ProxyRequest(
        id=new_request_id(received_at),
        received_at=received_at,
        method=environ["REQUEST_METHOD"],
        target=target,
        path=path,
        headers=headers_of(environ),
        body=body,
        model=facts.model,
        stream=facts.stream,
        session_id=_bounded(session_id),
        agent_id=_bounded(environ.get("HTTP_X_CLAUDE_CODE_AGENT_ID")),
        parent_agent_id=_bounded(environ.get("HTTP_X_CLAUDE_CODE_PARENT_AGENT_ID")),
        key_id=principal.key_id,
        forced_account=forced,
    )


def refused_request(environ: dict[str, Any], key_id: str | None) -> ProxyRequest:
    """Build what is known of a request that was refused before its body was read, for the record."""
    target: str = environ.get("RAW_URI") or environ["PATH_INFO"]
    at = now_ms()
    return ProxyRequest(
        id=new_request_id(at),
        received_at=at,
        method=environ["REQUEST_METHOD"],
        target=target,
        path=target.partition("?")[0],
        headers=headers_of(environ),
        body=b"",
        key_id=key_id,
    )


def _require_model(principal: Principal, model: str | None, path: str) -> None:
    """Raise NotAllowed unless the key may ask for the model; of a body that nobody can read, who knows."""
    if model is not None and not _may_ask(principal, model):
        raise NotAllowed(f"This client key may not ask for the model {model}.")
    if model is None and path not in ("/v1/files", _BATCHES) and not path.startswith("/v1/files/"):
        raise NotAllowed("This client key is for certain models, and the request does not name one that can be read.")


def _require_batch(principal: Principal, body: bytes, content_encoding: str) -> None:
    """Raise NotAllowed unless the key may ask for the models of all requests of a batch."""
    for model in batch_models(body, content_encoding):
        _require_model(principal, model, "")


def _may_ask(principal: Principal, model: str) -> bool:
    return model in principal.models or model_family(model) in principal.models


def _bounded(text: str | None) -> str | None:
    return plain(text, _MAX_SESSION_ID) if text else None
