"""Stored headers and bodies over the API, for admins alone; every look is in the audit log."""

import base64
from dataclasses import dataclass

from flask import Blueprint

from app.api.history import REQUEST
from app.api.operations import operation
from app.gate.visitors import actor
from app.runtime import runtime
from app.usage.bodies import Body
from app.usage.conversation import Conversation
from app.usage.viewing import view_conversation, view_payload
from app.values import Headers, id_text

payloads = Blueprint("payloads", __name__, url_prefix="/requests")


@dataclass(frozen=True, slots=True)
class PayloadSide:
    """One side. Credentials in the headers are redacted; content codings are undone.

    `body`: the text, null where it is none; then `bodyBase64` has the bytes. `isWhole` false: a part is missing,
    `droppedBytes` of it because only so much of a body is kept.
    """

    headers: Headers
    media_type: str
    body: str | None
    body_base64: str | None
    is_whole: bool
    dropped_bytes: int


@dataclass(frozen=True, slots=True)
class PayloadView:
    """Both sides of a request."""

    id: str
    request: PayloadSide
    response: PayloadSide


@payloads.get(f"{REQUEST}/payload")
@operation()
def one_payload(request_id: int) -> PayloadView:
    """Show the stored headers and bodies of a request."""
    found = view_payload(request_id, runtime().vault, actor())
    return PayloadView(id_text(request_id), _side(found.request), _side(found.answer))


@payloads.get(f"{REQUEST}/conversation")
@operation()
def one_conversation(request_id: int) -> Conversation:
    """Show the stored bodies of a request as a conversation."""
    return view_conversation(request_id, runtime().vault, actor())


def _side(body: Body) -> PayloadSide:
    try:
        text, encoded = body.content.decode(), None
    except UnicodeDecodeError:
        text, encoded = None, base64.b64encode(body.content).decode()
    return PayloadSide(body.headers, body.media_type, text, encoded, body.is_whole, body.dropped_bytes)
