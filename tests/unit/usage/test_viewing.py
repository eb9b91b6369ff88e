"""Looking at what was said leaves an entry."""

import pytest
from flask import Flask

from app.audit import Actor, EntryFilter, entries
from app.clock import now_ms
from app.errors import NotFound
from app.runtime import runtime
from app.usage.capture import Capture
from app.usage.payloads import seal
from app.usage.viewing import view_conversation, view_payload, view_request
from tests.unit.usage.records import end, put

ANN = Actor("ann", "192.0.2.1")


def test_every_look_is_noted_and_vain_ones_are_not(app: Flask) -> None:
    head, vault = end(now_ms()), runtime().vault
    put(head, blob=seal(vault, head["id"], (), b"{}", (), Capture(10), 10))
    assert view_payload(head["id"], vault, ANN).request.content == b"{}"
    view_conversation(head["id"], vault, ANN)
    for view in (view_payload, view_conversation):
        with pytest.raises(NotFound):
            view(1, vault, ANN)
    assert [(one.actor, one.address) for one in entries(EntryFilter(action="payload"), 9)] == [("ann", "192.0.2.1")] * 2


def test_lost_cache_is_explained_by_the_bodies(app: Flask) -> None:
    vault, at = runtime().vault, now_ms()
    prompts = [b'{"system":"%s","messages":[{"role":"user","content":"hi"}]}' % said for said in (b"one", b"two")]
    heads = [end(at + number, session_id="s", tokens=[10, 5, 0, 50_000, 0, 0]) for number in (0, 1000)]
    for head, prompt in zip(heads, prompts):
        put(head, blob=seal(vault, head["id"], (), prompt, (), Capture(10), 1000))
    loss = view_request(heads[1]["id"], vault).cache_loss
    assert loss is not None
    assert loss.cause == "prefix_changed"
    assert view_request(heads[0]["id"], vault).cache_loss is None
