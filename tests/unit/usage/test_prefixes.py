import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from app.usage.prefixes import blocks_of, difference

BASE: dict[str, Any] = {
    "tools": [{"name": "Bash"}, {"name": "Read"}],
    "system": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
    "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "text", "text": "ja"}]},
    ],
}


def changed(change: Callable[[dict[str, Any]], Any]) -> str:
    document = copy.deepcopy(BASE)
    change(document)
    return json.dumps(document)


def grown(document: dict[str, Any]) -> None:
    document["messages"].append({"role": "user", "content": "more"})


def marked(document: dict[str, Any]) -> None:
    document["messages"][0]["content"] = [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]
    grown(document)


@pytest.mark.parametrize("change", [lambda _: None, grown, marked], ids=["same", "grown", "marked"])
def test_prompt_that_only_grew_keeps_its_cache(change: Callable[[dict[str, Any]], Any]) -> None:
    assert difference(blocks_of(json.dumps(BASE)), blocks_of(changed(change))) is None


@pytest.mark.parametrize(
    ("change", "number", "place"),
    [
        (lambda one: one["tools"][1].update(name="Write"), 2, "tool 2 (Write)"),
        (lambda one: one["tools"].insert(0, {"name": "New"}), 1, "tool 1 (New)"),
        (lambda one: one["system"][1].update(text="TWO"), 4, "system, block 2"),
        (lambda one: one["messages"][0].update(content="ho"), 5, "message 1 (user)"),
        (lambda one: one["messages"].pop(), 7, "message 2 (assistant), block 1"),
    ],
    ids=["tool", "new tool", "system", "message", "message gone"],
)
def test_first_block_that_changed_is_named(change: Callable[[dict[str, Any]], Any], number: int, place: str) -> None:
    found = difference(blocks_of(json.dumps(BASE)), blocks_of(changed(change)))
    assert found is not None
    assert (found.number, found.place, found.is_gone) == (number, place, "pop" in place or number == 7)


def test_cut_body_is_compared_as_far_as_it_goes() -> None:
    text = changed(grown)
    assert len(blocks_of(text[:-5])) > 5
    assert blocks_of("no json") == ()
