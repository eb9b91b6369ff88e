"""The answer as a client of another shape is to see it: translated whole, or translated as it streams."""

from app.clock import now_ms
from app.errors import UpstreamFailed
from app.providers.openai_wire.exchange import Exchange
from app.providers.upstream_error import UpstreamError, read_error
from app.proxy.opened import Opened, Shown
from app.usage.decoding import Decoder, NotDecodable, decode, decoder
from app.values import Headers

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Largest whole answer that is translated; a larger one is no answer."""

_JSON = "application/json"
_EVENTS = "text/event-stream; charset=utf-8"
_OF_THE_BODY = frozenset(
    {"content-type", "content-length", "content-encoding", "content-md5", "content-digest", "digest", "etag"}
)
_REQUEST_IDS = {"request-id": "x-request-id", "x-request-id": "request-id"}
"""Where each API tells the id of a request -> where clients of the other look for it."""


def shown(opened: Opened, exchange: Exchange) -> Shown:
    """Return what the client gets; reads an answer that is no stream to its end. Raises UpstreamFailed."""
    status, losses, at_s = opened.answer.status, exchange.losses, now_ms() // 1000
    if not 200 <= status < 300:
        return Shown(status, _JSON, losses, exchange.error(status, opened.head))
    if opened.is_stream and exchange.stream is not None:
        return Shown(status, _EVENTS, losses, translator=exchange.stream(at_s), decoder=_decoder(opened))
    opened.pull_all(MAX_ANSWER_BYTES)
    whole = _whole(opened)
    if exchange.mistaken(whole):
        status = (read_error(whole) or UpstreamError()).status
        return Shown(status, _JSON, losses, exchange.error(status, whole))
    made = exchange.answer(whole, at_s)
    if exchange.is_stream and exchange.as_stream is not None and exchange.stream is not None:
        translator = exchange.stream(at_s)
        body = translator.feed(exchange.as_stream(whole)) + translator.finish()
        return Shown(status, _EVENTS, (*losses, *made.losses), body)
    return Shown(status, _JSON, (*losses, *made.losses), made.body)


def headers_down(headers: Headers, made: Shown) -> Headers:
    """Return the headers of the translated answer: the upstream's, less those that speak of its bytes."""
    kept = [pair for pair in headers if pair[0].lower() not in _OF_THE_BODY]
    names = {name.lower() for name, _ in kept}
    kept += [(other, value) for name, value in kept if (other := _REQUEST_IDS.get(name.lower())) and other not in names]
    kept.append(("content-type", made.content_type))
    if made.translator is None:
        kept.append(("content-length", str(len(made.body))))
    return tuple(kept)


def _decoder(opened: Opened) -> Decoder | None:
    try:
        return decoder(opened.fields.get("content-encoding", ""))
    except NotDecodable as exc:
        raise _unreadable(exc) from exc


def _whole(opened: Opened) -> bytes:
    try:
        return decode(b"".join(opened.held), opened.fields.get("content-encoding", ""), MAX_ANSWER_BYTES)
    except NotDecodable as exc:
        raise _unreadable(exc) from exc


def _unreadable(exc: NotDecodable) -> UpstreamFailed:
    return UpstreamFailed(f"the answer cannot be decoded: {exc}", phase="body", sent=True)
