"""The look into a request's body: exactly what a JSON parser would find, also where the middle is not parsed."""

import gzip
import json
from collections.abc import Callable
from unittest.mock import patch

import brotli
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.usage import inspect
from app.usage.decoding import zstd
from app.usage.inspect import BodyFacts, peek

SESSION = "3f2b8e64-9f0c-4d3e-8c3b-0e6f6f1f9a11"
IDENTITY = json.dumps({"device_id": "ab" * 32, "account_uuid": "", "session_id": SESSION})
LEGACY = f"user_{'ab' * 32}_account__session_{SESSION}"


def body_of(**members: object) -> bytes:
    return json.dumps(members, ensure_ascii=False).encode()


def claude_code(size: int = 80_000, **more: object) -> dict[str, object]:
    """A body as Claude Code writes it: model first, the small members last, `model` also inside a tool's schema."""
    words = 'Say "hi"; the "model" is \\ {"stream": true}, [é]\n'
    properties = {"prompt": {"type": "string"}, "model": {"type": "string", "enum": ["opus"]}, "stream": {"type": "x"}}
    return {
        "model": "claude-opus-4-8",
        "messages": [{"role": "user", "content": [{"type": "text", "text": words * (size // 100)}]}],
        "system": [{"type": "text", "text": words * (size // 200), "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "Agent", "input_schema": {"properties": properties, "required": ["model"]}}] * 20,
        "metadata": {"user_id": IDENTITY},
        "max_tokens": 64000,
        "thinking": {"type": "adaptive"},
        "stream": True,
        **more,
    }


FACTS = BodyFacts(model="claude-opus-4-8", stream=True, session_id=SESSION)


@pytest.mark.parametrize("size", [100, 80_000, 2_000_000])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_body_of_claude_code(size: int, indent: int | None) -> None:
    assert peek(json.dumps(claude_code(size), ensure_ascii=False, indent=indent).encode(), "application/json") == FACTS


def test_the_middle_of_an_ordinary_large_body_is_not_parsed() -> None:
    body = json.dumps(claude_code(), ensure_ascii=False, separators=(",", ":")).encode()
    skimmed = inspect._skimmed(body)
    assert skimmed == {"model": "claude-opus-4-8", "stream": True, "metadata": {"user_id": IDENTITY}}


@pytest.mark.parametrize(
    ("user_id", "session_id"),
    [
        pytest.param(IDENTITY, SESSION, id="JSON text"),
        pytest.param(LEGACY, SESSION, id="joined by underscores"),
        pytest.param(f"user_{'ab' * 32}_account_{SESSION[::-1]}_session_{SESSION}", SESSION, id="with an account"),
        pytest.param('{"session_id": 7}', None, id="no text"),
        pytest.param('{"session_id": ""}', None, id="empty"),
        pytest.param("{broken", None, id="broken JSON text"),
        pytest.param("somebody", None, id="another name"),
        pytest.param("", None, id="empty name"),
        pytest.param(7, None, id="number"),
        pytest.param(None, None, id="null"),
    ],
)
@pytest.mark.parametrize("filler", ["", "x" * 10_000], ids=["small", "large"])
def test_session_of_a_user_id(user_id: object, session_id: str | None, filler: str) -> None:
    assert peek(body_of(messages=filler, metadata={"user_id": user_id})).session_id == session_id


@pytest.mark.parametrize("filler", ["", "x" * 10_000], ids=["small", "large"])
def test_a_prompt_cache_key_is_a_session(filler: str) -> None:
    assert peek(body_of(model="gpt-x", input=filler, stream=True, prompt_cache_key="abc")) == BodyFacts(
        "gpt-x", True, "abc"
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hello", id="text"),
        pytest.param(b"[1]", id="a list"),
        pytest.param(b'{"model":"a"', id="cut"),
        pytest.param(b'{"model":"a"}}', id="too much"),
        pytest.param(b"\xff\xfe\x00", id="binary"),
        pytest.param(b"[" * 200_000, id="deep list"),
        pytest.param(b'{"a":' * 200_000, id="deep object"),
        pytest.param(b'{"n":' + b"1" * 10_000 + b',"model":"a"}', id="endless number"),
        pytest.param(b'{"n":1,' + b" " * 10_000, id="only a beginning"),
    ],
)
def test_what_is_no_object_is_unknown(body: bytes) -> None:
    assert peek(body, "application/json") == BodyFacts()


def test_a_form_is_not_looked_into() -> None:
    assert peek(b'{"model":"a"}', "multipart/form-data; boundary=x") == BodyFacts()


@pytest.mark.parametrize("content_type", ["", "application/json; charset=utf-8", "text/plain"])
def test_the_name_of_the_type_does_not_matter(content_type: str) -> None:
    assert peek(b'{"model":"a"}', content_type).model == "a"


@pytest.mark.parametrize(("model", "known"), [(3, None), (None, None), ("", None), ({}, None), ("m" * 9999, "m" * 256)])
def test_odd_models(model: object, known: str | None) -> None:
    assert peek(body_of(model=model, messages=[])).model == known


@pytest.mark.parametrize(
    ("coding", "encode"), [("gzip", gzip.compress), ("br", brotli.compress), ("zstd", zstd.compress)]
)
def test_a_compressed_body_is_looked_into(coding: str, encode: Callable[[bytes], bytes]) -> None:
    assert peek(encode(json.dumps(claude_code()).encode()), "application/json", coding) == FACTS


@pytest.mark.parametrize("coding", ["gzip", "rot13"])
def test_a_body_that_cannot_be_decoded_is_unknown(coding: str) -> None:
    assert peek(b'{"model":"a"}', "application/json", coding) == BodyFacts()


def test_a_compressed_body_beyond_the_bound_is_unknown() -> None:
    with patch.object(inspect, "MAX_DECODED_BYTES", 1000):
        assert peek(gzip.compress(body_of(model="a", messages="x" * 1000)), "", "gzip") == BodyFacts()


# Every body that a parser takes reads as the parser says. The members, their order and their repetitions are free.


class Members(list[tuple[str, object]]):
    """An object's members in order, repetitions included."""


NAMES = st.one_of(
    st.sampled_from(["model", "stream", "metadata", "prompt_cache_key", "messages", "tools", "x\\", 'x"', ""]),
    st.text(max_size=3),
)
TEXTS = st.one_of(
    st.sampled_from(
        [
            '"model":"b"',
            ',"model":"b"}',
            ',"stream":true}',
            '\\","metadata":{"user_id":"x"},"stream":true}',
            "\\",
            '",',
            ',"',
            "}",
            "é\u2028\x7f\x1b",
        ]
    ),
    st.text(max_size=6),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.lists(st.tuples(NAMES, inner), max_size=4).map(Members)),
    max_leaves=10,
)


def written(value: object, escaped: bool, space: str) -> str:
    if isinstance(value, Members):
        members = (
            f"{json.dumps(name, ensure_ascii=escaped)}{space}:{space}{written(inner, escaped, space)}"
            for name, inner in value
        )
        return "{" + space + f"{space},{space}".join(members) + space + "}"
    if isinstance(value, list):
        return "[" + f"{space},{space}".join(written(inner, escaped, space) for inner in value) + "]"
    return json.dumps(value, ensure_ascii=escaped)


def repeats_with_another_type(pairs: list[tuple[str, object]]) -> bool:
    """Whether a wanted member is repeated and the API refuses the body for the type of one of them."""
    allowed = {"model": str, "stream": bool | None, "metadata": Members | None, "prompt_cache_key": str | None}
    names = [name for name, _ in pairs]
    return any(
        names.count(name) > 1 and name in allowed and not isinstance(value, allowed[name]) for name, value in pairs
    )


@settings(max_examples=500)
@given(
    before=st.lists(st.tuples(NAMES, VALUES), max_size=4),
    after=st.lists(st.tuples(NAMES, VALUES), max_size=4),
    escaped=st.booleans(),
    space=st.sampled_from(["", " ", "\n\t", " " * 40]),
)
@example(before=[("model", "a")], after=[("model", "b")], escaped=False, space="")
@example(before=[("model", "a")], after=[("tools", Members([("x", 1), ("model", "b")]))], escaped=False, space="")
@example(before=[("stream", True)], after=[("stream", None), ("x", [1])], escaped=False, space=" ")
@example(before=[("model", "a")], after=[("x", ',"model":"b"}')], escaped=False, space="")
def test_what_is_skimmed_is_what_a_parser_finds(
    before: list[tuple[str, object]], after: list[tuple[str, object]], escaped: bool, space: str
) -> None:
    pairs = Members([*before, ("messages", ["y" * 5000]), *after])
    if repeats_with_another_type(pairs):
        return
    body = written(pairs, escaped, space).encode("utf-8", "surrogatepass")
    try:
        json.loads(body)
    except ValueError:  # Lone surrogates.
        return
    with patch.object(inspect, "_skimmed", lambda body: None):
        parsed = peek(body)
    assert peek(body) == parsed


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"model":"a","x":"%b","model":"b"}', id="repeated"),
        pytest.param(b'{"model":"a","x":"%b","model" :\n"b","y":[1]}', id="repeated in the middle"),
        pytest.param(b'{"model":"a","x":"%b","m\\u006fdel":"b","y":[1]}', id="repeated with an escape"),
        pytest.param(b'{"model":"a","x":"%b","m\\u006Fdel":"b"}', id="repeated with an escape at the end"),
    ],
)
def test_a_repeated_model_cannot_hide(body: bytes) -> None:
    assert peek(body % (b"z" * 20_000)).model == "b"
    assert peek((body % b"").replace(b'"y":[1]', b'"y":["' + b"z" * 20_000 + b'"]')).model == "b"


@given(junk=st.binary(max_size=60), at=st.integers(0, 20_000))
def test_junk_never_raises(junk: bytes, at: int) -> None:
    body = json.dumps(claude_code(10_000)).encode()
    peek(junk)
    peek(body[:at] + junk + body[at:])
    peek(body[:at] + junk)
