"""The stored headers and bodies of one request, opened and with their content codings undone."""

import json
from dataclasses import dataclass

from sqlalchemy import select

from app.db import reading
from app.errors import NotFound
from app.usage.decoding import NotDecodable, decoder
from app.usage.models import Payload
from app.usage.payloads import open_payload
from app.values import Headers, folded, id_text
from app.vault import Vault

MAX_BYTES = 32 * 1024 * 1024
"""The most of one body that is decoded."""


@dataclass(frozen=True, slots=True)
class Body:
    """One side. Credentials in the headers are redacted.

    `content` is decoded; `is_whole` False: a part is missing, because it was above the size that is stored
    (`dropped_bytes`), the coding could not be undone to its end, or it is too large to show.
    """

    headers: Headers
    content: bytes
    media_type: str
    is_whole: bool
    dropped_bytes: int

    @property
    def text(self) -> str:
        """The content as text; what is no UTF-8 is replaced."""
        return self.content.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Bodies:
    """Both sides of one request."""

    request: Body
    answer: Body


def payload(request_id: int, vault: Vault) -> Bodies:
    """Return what is stored of a request's headers and bodies. Raises NotFound.

    Call inside an app context, off the event loop.
    """
    with reading() as session:
        sealed = session.execute(select(Payload.content).where(Payload.request_id == request_id)).scalar()
    if sealed is None:
        raise NotFound(
            f"No headers and bodies of {id_text(request_id)} are kept: they are too old, or were not stored."
        )
    stored = open_payload(vault, request_id, sealed)
    return Bodies(
        _body(stored.request_headers, stored.request_body, stored.request_dropped),
        _body(stored.answer_headers, stored.answer_body, stored.answer_dropped),
    )


def pretty(body: Body) -> str:
    """Return a body as text for reading: JSON with line breaks, all else as it is."""
    try:
        return json.dumps(json.loads(body.content), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return body.text


def _body(headers: Headers, stored: bytes, dropped: int) -> Body:
    fields = folded(headers)
    content, is_decoded = _decoded(stored, fields.get("content-encoding", ""))
    media_type = fields.get("content-type", "").partition(";")[0].strip().lower()
    return Body(headers, content, media_type, is_decoded and not dropped, dropped)


def _decoded(stored: bytes, coding: str) -> tuple[bytes, bool]:
    """Undo a coding as far as it goes; return the content and whether that is all of it."""
    decoded = bytearray()
    try:
        undo = decoder(coding)
        if undo is None:
            return stored[:MAX_BYTES], len(stored) <= MAX_BYTES
        for piece in undo.feed(stored):
            decoded += piece
            if len(decoded) > MAX_BYTES:
                return bytes(decoded[:MAX_BYTES]), False
    except NotDecodable:
        return bytes(decoded) or stored, False
    return bytes(decoded), True
