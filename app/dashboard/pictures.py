"""Pictures that were sent in a conversation, taken out of the stored body."""

import base64
import json

from flask import Response, abort
from flask.typing import ResponseReturnValue

from app.dashboard.blueprints import dashboard
from app.gate.visitors import actor
from app.runtime import runtime
from app.usage.viewing import view_payload
from app.values import id_from_text

SHOWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Kinds that browsers draw and that hold no script."""


@dashboard.get("/requests/<public_id>/image/<int:turn>/<int:position>")
def request_image(public_id: str, turn: int, position: int) -> ResponseReturnValue:
    """Show one picture."""
    request_id = id_from_text(public_id)
    if request_id is None:
        abort(404)
    bodies = view_payload(request_id, runtime().vault, actor(), is_piece=True)
    found = picture(bodies.request.content, turn, position)
    if found is None:
        abort(404)
    media_type, content = found
    headers = {"Content-Disposition": "inline", "Cache-Control": "private, max-age=3600"}
    return Response(content, mimetype=media_type, headers=headers)


def picture(body: bytes, turn: int, position: int) -> tuple[str, bytes] | None:
    """Return kind and content of a picture in a body of the Messages API; None where there is none that is shown."""
    try:
        source = json.loads(body)["messages"][turn]["content"][position]["source"]
        media_type, data = source["media_type"], source["data"]
        return (media_type, base64.b64decode(data, validate=True)) if media_type in SHOWN else None
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None
