"""One request: its attempts, tokens and cost, and what was said, which is only shown to admins and noted down."""

import shlex
from typing import Any

from flask import abort, request
from flask.typing import ResponseReturnValue

from app.dashboard import show
from app.dashboard.blueprints import dashboard
from app.gate.visitors import actor
from app.redaction import redact
from app.runtime import runtime
from app.usage.bodies import Bodies, Body, pretty
from app.usage.conversation import Block, Conversation
from app.usage.payloads import SECRET_HEADERS
from app.usage.queries import RequestDetail, request_detail
from app.usage.viewing import view_conversation, view_payload, view_request
from app.values import id_from_text, id_text

_TURNS_AT_ONCE = 20
_SHOWN_CHARS = 4000
"""A longer text is loaded when somebody wants it."""
_CURL_CHARS = 100_000
_BODY_CHARS = 200_000
_UNSENT = SECRET_HEADERS | {
    *("host", "content-length", "connection", "transfer-encoding", "accept-encoding", "content-encoding", "expect")
}


def _id(public_id: str) -> int:
    found = id_from_text(public_id)
    return abort(404) if found is None else found


@dashboard.get("/requests/<public_id>", endpoint="request")
def request_page(public_id: str) -> ResponseReturnValue:
    """Show one request."""
    found = view_request(_id(public_id), runtime().vault)
    values = {"detail": found, "row": found.request, "id_text": id_text, "tries": _tries(found)}
    if show.is_part():
        return show.part("partials/requests/news.html", **values)
    return show.page("pages/request.html", **values)


@dashboard.get("/requests/<public_id>/conversation")
def request_conversation(public_id: str) -> ResponseReturnValue:
    """Show what was said: the last turns, and older ones on demand."""
    request_id, vault = _id(public_id), runtime().vault
    row = request_detail(request_id).request
    before = request.args.get("before", type=int)
    said = view_conversation(request_id, vault, actor(), is_piece=before is not None)
    end = len(said.messages) if before is None else max(0, min(before, len(said.messages)))
    start = max(0, end - _TURNS_AT_ONCE)
    values = {
        "said": said,
        "turns": list(enumerate(said.messages))[start:end],
        "start": start,
        "is_first": before is None,
        "row": row,
        "limit": _SHOWN_CHARS,
        "tool_names": _tool_names(said),
    }
    if show.is_part():
        return show.part("partials/requests/conversation.html", **values)
    return show.page("pages/request_conversation.html", **values)


@dashboard.get("/requests/<public_id>/block/<int:turn>/<int:position>")
def request_block(public_id: str, turn: int, position: int) -> ResponseReturnValue:
    """Show the whole text of one long block."""
    request_id = _id(public_id)
    said = view_conversation(request_id, runtime().vault, actor(), is_piece=True)
    block = _block(said, turn, position)
    if show.is_part():
        return show.part("partials/requests/block_text.html", text=block.text)
    return show.page("pages/request_block.html", block=block, text=block.text, public_id=public_id)


@dashboard.get("/requests/<public_id>/bodies")
def request_bodies(public_id: str) -> ResponseReturnValue:
    """Show headers and bodies as they were relayed."""
    request_id = _id(public_id)
    bodies = view_payload(request_id, runtime().vault, actor())
    row = request_detail(request_id).request
    values = {
        "row": row,
        "bodies": bodies,
        "sides": [
            ("Request", bodies.request, *_shown(bodies.request)),
            ("Answer", bodies.answer, *_shown(bodies.answer)),
        ],
        "curl": curl(row.method, request.host_url.rstrip("/") + row.path, bodies),
    }
    if show.is_part():
        return show.part("partials/requests/bodies.html", **values)
    return show.page("pages/request_bodies.html", **values)


def curl(method: str, address: str, bodies: Bodies) -> str | None:
    """Return a command that sends the same request again, a variable in place of the key; None where it is too long."""
    body = bodies.request
    if not body.is_whole or len(body.content) > _CURL_CHARS:
        return None
    parts = ["curl", shlex.quote(address), "-X", method, "-H", '"x-api-key: $ANTHROPIC_API_KEY"']
    for name, value in body.headers:
        if name.lower() not in _UNSENT and not name.lower().startswith("x-ccflare-"):
            parts += ["-H", shlex.quote(redact(f"{name}: {value}"))]
    if body.content:
        parts += ["--data-binary", shlex.quote(redact(body.text))]
    return " ".join(parts)


def _tries(found: RequestDetail) -> list[dict[str, Any]]:
    """Return the attempts with their place on the request's own time line, as fractions of it."""
    row = found.request
    ends = [row.ended_at or 0, *(one.ended_at for one in found.attempts), row.started_at + 1]
    whole = max(ends) - row.started_at
    return [
        {
            "attempt": one,
            "left": max(0.0, (one.started_at - row.started_at) / whole),
            "width": max(0.006, (one.ended_at - one.started_at) / whole),
        }
        for one in found.attempts
    ]


def _shown(body: Body) -> tuple[str, int]:
    """Return the beginning of a body, and how many characters follow."""
    text = pretty(body)
    return redact(text[:_BODY_CHARS]), max(0, len(text) - _BODY_CHARS)


def _tool_names(said: Conversation) -> str:
    names = [tool.name for tool in said.tools]
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _block(said: Conversation, turn: int, position: int) -> Block:
    if turn >= len(said.messages) or position >= len(said.messages[turn].blocks):
        abort(404)
    return said.messages[turn].blocks[position]
