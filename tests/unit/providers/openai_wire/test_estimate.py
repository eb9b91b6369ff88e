import base64
import json
from typing import Any

import pytest

from app.errors import InvalidInput
from app.providers.openai_wire.estimate import estimate_tokens


def estimated(**asked: Any) -> int:
    return estimate_tokens(json.dumps({"messages": []} | asked).encode())


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def png(width: int, height: int) -> str:
    head = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return base64.b64encode(head + bytes(64)).decode()


def test_english_text_costs_a_token_for_about_four_characters() -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 100
    assert 900 <= estimated(system=text) <= 1_500


def test_other_scripts_cost_about_a_token_a_letter() -> None:
    assert estimated(system="敏捷的棕色狐狸" * 100) == 700


def test_text_costs_the_same_as_its_block() -> None:
    plain = estimated(messages=[{"role": "user", "content": "hello there"}])
    assert estimated(**user({"type": "text", "text": "hello there"})) == plain


@pytest.mark.parametrize(
    ("source", "tokens"),
    [
        ({"type": "base64", "data": png(300, 250)}, 100),
        ({"type": "base64", "data": png(9_000, 9_000)}, 1_600),
        ({"type": "base64", "data": "/9j/4AAQ"}, 1_600),
        ({"type": "url", "url": "https://example.com/a.png"}, 1_600),
        ({"type": "base64", "data": "not base64!"}, 1_600),
    ],
    ids=["png", "large png", "jpeg", "url", "noise"],
)
def test_image_costs_by_its_pixels(source: dict[str, Any], tokens: int) -> None:
    assert estimated(**user({"type": "image", "source": source})) == tokens + 4


def test_pdf_costs_by_its_size() -> None:
    small = {"type": "document", "source": {"type": "base64", "data": "A" * 1_000}}
    large = {"type": "document", "source": {"type": "base64", "data": "A" * 200_000}}
    assert (estimated(**user(small)), estimated(**user(large))) == (2_004, 6_004)


def test_tools_calls_and_results_cost_something() -> None:
    bare = estimated(messages=[{"role": "user", "content": "x"}])
    tool = {"name": "f", "description": "does", "input_schema": {"type": "object"}}
    assert estimated(messages=[{"role": "user", "content": "x"}], tools=[tool]) > bare + 340
    call = {"type": "tool_use", "name": "f", "input": {"a": "b" * 300}}
    result = {"type": "tool_result", "content": [{"type": "text", "text": "c" * 350}]}
    assert estimated(**user(call)) > 100
    assert estimated(**user(result)) > 100


def test_empty_request_costs_one_token() -> None:
    assert estimated() == 1


def test_body_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidInput):
        estimate_tokens(b"[]")
