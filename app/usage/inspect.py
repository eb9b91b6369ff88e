"""A look into a copy of a request's body for the few facts that routing and records need.

Bodies of 80 KB and more are the normal case, and nearly all of them is one member: the conversation. So the beginning
and the end of the outermost object are read, and what lies between is searched for a repetition of the wanted members;
where anything is doubtful the whole body is parsed.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from app.usage.decoding import NotDecodable, decode

MAX_DECODED_BYTES = 32 * 1024 * 1024
"""A compressed body is looked into up to this size; the API takes no larger ones."""

_MAX_PARTS = 1_000_000
"""A body that has to be parsed is left alone when it has more brackets and commas: it would stop the whole worker."""

_MAX_PLAIN = 64
_MAX_REPETITIONS = 1000
_SMALL_BYTES = 4096
_TAIL_BYTES = 8192
_MAX_TEXT = 256

_PAIR = re.compile(
    rb'[ \t\r\n]*+"([^"\\\x00-\x1f]*+)"[ \t\r\n]*+:[ \t\r\n]*+'
    rb'("[^"\\\x00-\x1f]*+"|true|false|null|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)[ \t\r\n]*+,'
)
"""One member with a plain scalar, and the comma behind it."""

_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")
_WANTED = {
    "model": re.compile(rb'"model"[ \t\r\n]*+:[ \t\r\n]*+(?![{\[0-9-])'),
    "stream": re.compile(rb'"stream"[ \t\r\n]*+:[ \t\r\n]*+(?![{\["0-9-])'),
    "metadata": re.compile(rb'"metadata"[ \t\r\n]*+:[ \t\r\n]*+(?![\["0-9-])'),
    "prompt_cache_key": re.compile(rb'"prompt_cache_key"[ \t\r\n]*+:[ \t\r\n]*+(?![{\[0-9-])'),
}
"""Wanted members, each with what may be a repetition of it; with a value of another type the API refuses the body."""

_QUOTED = {name: b'"%b"' % name.encode() for name in _WANTED}
_LEGACY_SESSION = re.compile(r"_session_([0-9a-fA-F-]{36})$")


@dataclass(frozen=True, slots=True)
class BodyFacts:
    """What a request's body says. All unknown where it is no JSON object.

    `session_id`: the session part of `metadata.user_id`, or `prompt_cache_key`. Only the API itself validates a body.
    """

    model: str | None = None
    stream: bool = False
    session_id: str | None = None


_UNKNOWN = BodyFacts()


def peek(body: bytes, content_type: str = "", content_encoding: str = "") -> BodyFacts:
    """Return the facts of a body as it came over the wire. Never raises and never changes the body."""
    if not body or content_type.startswith("multipart/"):
        return _UNKNOWN
    if content_encoding:
        try:
            body = decode(body, content_encoding, MAX_DECODED_BYTES)
        except NotDecodable:
            return _UNKNOWN
    document = _skimmed(body) if len(body) > _SMALL_BYTES else None
    if document is None:
        document = _parsed(body)
    if document is None:
        return _UNKNOWN
    return BodyFacts(
        model=_text(document.get("model")),
        stream=document.get("stream") is True,
        session_id=_session(document.get("metadata")) or _text(document.get("prompt_cache_key")),
    )


def batch_models(body: bytes, content_encoding: str) -> tuple[str | None, ...]:
    """Return the model of every request of a batch, None for one that names none; (None,) for what is no batch."""
    try:
        document = _parsed(decode(body, content_encoding, MAX_DECODED_BYTES))
    except NotDecodable:
        document = None
    asked = None if document is None else document.get("requests")
    if not isinstance(asked, list) or not asked:
        return (None,)
    parts = [one.get("params") if isinstance(one, dict) else None for one in asked]
    return tuple(_text(part.get("model")) if isinstance(part, dict) else None for part in parts)


def plain(text: str, limit: int) -> str:
    """Return a text that any database takes: control characters and halves of pairs are no part of a name."""
    text = text[:limit]
    return text if text.isprintable() else "".join(one if one.isprintable() else "?" for one in text)


def _parsed(body: bytes) -> dict[str, Any] | None:
    if len(body) > _MAX_PARTS and sum(map(body.count, (b",", b"[", b"{"))) > _MAX_PARTS:
        return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _skimmed(body: bytes) -> dict[str, Any] | None:
    """Return the wanted members without parsing the middle of the body, None when that is not safe.

    For valid JSON this is exact: of a repeated member the last one counts, as for `json.loads`.
    """
    if not (body.startswith(b"{") and body[-64:].rstrip(b" \t\r\n").endswith(b"}")):
        return None
    try:
        head, middle_at = _head(body)
    except ValueError:  # A number beyond what Python reads.
        return None
    tail, tail_at = _tail(body, middle_at)
    found = {}
    for name, repetition in _WANTED.items():
        if name in tail:
            found[name] = tail[name]
            continue
        at = body.rfind(_QUOTED[name], middle_at, tail_at)
        seen = 0
        while at >= 0:
            seen += 1
            if seen > _MAX_REPETITIONS or repetition.match(body, at):
                return None
            at = body.rfind(_QUOTED[name], middle_at, at)
        if name in head:
            found[name] = head[name]
    if body.rfind(b"\\u00", middle_at, tail_at) >= 0 and _ESCAPED_LETTER.search(body, middle_at, tail_at):
        return None  # A name may be written with escapes.
    return found


def _head(body: bytes) -> tuple[dict[str, Any], int]:
    """Return the plain members that the body begins with, as far as any API has them, and the offset behind them."""
    members = {}
    at = 1
    for _ in range(_MAX_PLAIN):
        pair = _PAIR.match(body, at)
        if pair is None:
            break
        members[pair[1].decode("utf-8", "replace")] = json.loads(pair[2].decode("utf-8", "replace"))
        at = pair.end()
    return members, at


def _tail(body: bytes, start: int) -> tuple[dict[str, Any], int]:
    """Return the members that the body ends with, from a wanted one on, and the offset of the first.

    A text behind a comma that parses as the rest of an object is just that: if its first quote closed a string of the
    body instead, a bare word would follow it.
    """
    start = max(start, len(body) - _TAIL_BYTES)
    places = sorted(at for quoted in _QUOTED.values() if (at := body.rfind(quoted, start)) >= 0)
    for at in places:
        if body[at - 32 : at].rstrip(b" \t\r\n").endswith(b","):
            members = _parsed(b"{" + body[at:])
            if members is not None:
                return members, at
    return {}, len(body)


def _session(metadata: object) -> str | None:
    """Return the session part of a `user_id`: a JSON text since 2026, before that words joined by underscores."""
    user_id = metadata.get("user_id") if isinstance(metadata, dict) else None
    if not isinstance(user_id, str):
        return None
    if user_id.startswith("{"):
        identity = _parsed(user_id.encode("utf-8", "replace"))
        return None if identity is None else _text(identity.get("session_id"))
    legacy = _LEGACY_SESSION.search(user_id)
    return None if legacy is None else legacy[1]


def _text(value: object) -> str | None:
    return plain(value, _MAX_TEXT) if isinstance(value, str) and value else None
