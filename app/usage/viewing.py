"""Looking at what was said: an entry in the audit log for every look. Off the event loop, in an app context."""

from dataclasses import replace

from app.audit import Actor, note, was_noted
from app.clock import now_ms
from app.db import reading, transaction
from app.errors import NotFound
from app.usage.bodies import Bodies, payload
from app.usage.cache_insight import explained
from app.usage.conversation import Conversation, read_conversation
from app.usage.models import Request
from app.usage.queries import RequestDetail, request_detail
from app.usage.search import Filter, resolved
from app.values import id_text
from app.vault import Vault

_SHOWN_CHARS = 100
_VIEW = "payload.view"
_LOOK_MS = 3_600_000


def view_payload(request_id: int, vault: Vault, actor: Actor, *, is_piece: bool = False) -> Bodies:
    """Return what is stored of a request's headers and bodies. Raises NotFound.

    `is_piece`: only a piece of it is shown, such as a picture, as a rule to somebody who looks at it already.
    """
    found = payload(request_id, vault)
    _note(request_id, actor, is_piece)
    return found


def view_conversation(request_id: int, vault: Vault, actor: Actor, *, is_piece: bool = False) -> Conversation:
    """Return what was said in a request whose bodies are stored; `is_piece` as above. Raises NotFound."""
    with reading() as session:
        row = session.get(Request, request_id)
    if row is None:
        raise NotFound(f"There is no request {id_text(request_id)}; it may be older than records are kept.")
    found = read_conversation(payload(request_id, vault), row.path)
    _note(request_id, actor, is_piece)
    return found


def view_request(request_id: int, vault: Vault) -> RequestDetail:
    """Return one request; where its session's cache was lost, with the place at which the prompt changed."""
    detail = request_detail(request_id)
    if detail.cache_loss is None:
        return detail
    return replace(detail, cache_loss=explained(detail.cache_loss, vault))


def view_named(text: str, vault: Vault) -> RequestDetail:
    """Return the request that an id names, ours or the upstream's, as `view_request` does. Raises NotFound."""
    with reading() as session:
        found = resolved(session, Filter(text=text))
    if found is None or found.request_id is None:
        shown = text if len(text) <= _SHOWN_CHARS and text.isprintable() else repr(text[:_SHOWN_CHARS])
        raise NotFound(f"{shown} names no request: give req_ with its 13 characters, or the upstream's request id.")
    return view_request(found.request_id, vault)


def _note(request_id: int, actor: Actor, is_piece: bool) -> None:
    """Note a look; one piece after the other, within an hour, belongs to the same look."""
    subject = id_text(request_id)
    if is_piece and was_noted(actor, _VIEW, subject, now_ms() - _LOOK_MS):
        return
    with transaction() as session:
        note(session, actor, _VIEW, subject)
