"""Model names: families, mappings, and the bytes of a mapped body."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.models import asked_models, mapped_model, model_family, strip_local_suffix, targets, with_model
from app.values import Candidate

MAPPED = Candidate(
    1,
    "a",
    "zai",
    model_mappings={"claude-opus-4-8": ("glm-5",), "opus": ("glm-4.6", "glm-4.5"), "haiku": (), "same": ("same",)},
)


@pytest.mark.parametrize(
    ("model", "family"),
    [
        pytest.param("claude-opus-4-8", "opus", id="opus"),
        pytest.param("claude-3-5-sonnet-20241022", "sonnet", id="dated sonnet"),
        pytest.param("us.anthropic.claude-haiku-4-5-20251001-v1:0", "haiku", id="bedrock haiku"),
        pytest.param("Claude-Fable-5", "fable", id="any case"),
        pytest.param("claude-opus-4-8[1m]", "opus", id="local suffix"),
        pytest.param("gpt-5", "gpt-5", id="no family"),
        pytest.param("gpt-5[1m]", "gpt-5", id="no family, local suffix"),
    ],
)
def test_family_of_a_model(model: str, family: str) -> None:
    assert model_family(model) == family


@pytest.mark.parametrize(
    ("model", "stripped"), [("m[1m]", "m"), ("m[200K]", "m"), ("m", "m"), ("m[]", "m[]"), ("[a]m", "[a]m")]
)
def test_only_a_suffix_in_brackets_is_local(model: str, stripped: str) -> None:
    assert strip_local_suffix(model) == stripped


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        pytest.param("claude-opus-4-8", "glm-5", id="exact before family"),
        pytest.param("claude-opus-4-8[1m]", "glm-5", id="exact without its suffix"),
        pytest.param("claude-opus-4-1", "glm-4.6", id="family, first of several"),
        pytest.param("claude-sonnet-5", None, id="not mapped"),
        pytest.param("claude-haiku-4-5", None, id="mapped to nothing"),
        pytest.param("same", None, id="mapped to itself"),
    ],
)
def test_mapping_takes_exact_then_family_then_nothing(model: str, sent: str | None) -> None:
    assert mapped_model(model, MAPPED) == sent


def test_an_empty_mapping_is_told_from_none() -> None:
    assert targets("claude-haiku-4-5", MAPPED) == ()
    assert targets("claude-sonnet-5", MAPPED) is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b'{"model":"a","x":1}', b'{"model":"b","x":1}', id="first"),
        pytest.param(b'{"x":[1.0,  2e3],"model":"a" }', b'{"x":[1.0,  2e3],"model":"b" }', id="last, spaces kept"),
        pytest.param(b' {\n "model" :\t"a"}\n', b' {\n "model" :\t"b"}\n', id="white space"),
        pytest.param(b'{"m":{"model":"a"},"model":"a"}', b'{"m":{"model":"a"},"model":"b"}', id="nested one stays"),
        pytest.param(b'{"a":"\\"model\\":","model":"a"}', b'{"a":"\\"model\\":","model":"b"}', id="inside a string"),
        pytest.param(b'{"model":"a","model":"c"}', b'{"model":"b","model":"b"}', id="repeated key"),
        pytest.param(b'{"model":"a\\u0062"}', b'{"model":"b"}', id="escaped value"),
        pytest.param(b'{"mod\\u0065l":"a"}', b'{"mod\\u0065l":"b"}', id="escaped key"),
        pytest.param('{"s":"ü€😀","model":"a"}'.encode(), '{"s":"ü€😀","model":"b"}'.encode(), id="not ASCII"),
        pytest.param(b'{"model":null,"x":1}', b'{"model":"b","x":1}', id="no string"),
        pytest.param(b'{"x":1}', b'{"x":1}', id="no model"),
        pytest.param(b"{}", b"{}", id="empty object"),
        pytest.param(b'[{"model":"a"}]', b'[{"model":"a"}]', id="no object"),
        pytest.param(b'{"x":', b'{"x":', id="cut"),
        pytest.param(b"", b"", id="empty"),
        pytest.param(b"\x1f\x8b\x08\x00", b"\x1f\x8b\x08\x00", id="compressed"),
        pytest.param(b'{"x":' + b"[" * 100_000, b'{"x":' + b"[" * 100_000, id="deep"),
    ],
)
def test_only_the_top_level_model_is_replaced(body: bytes, expected: bytes) -> None:
    assert with_model(body, "b") == expected


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("model"), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text() | st.sampled_from(["model", "a"]), _VALUES, max_size=5),
    st.text(min_size=1),
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_a_mapped_body_differs_in_its_model_alone(
    body: dict[str, object], model: str, ascii_only: bool, indent: int | None
) -> None:
    raw = json.dumps(body, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    expected = {**body, "model": model} if "model" in body else body
    try:
        sent = with_model(raw, model)
    except UnicodeEncodeError:
        assert any("\ud800" <= char <= "\udfff" for char in model)
        return
    try:
        raw.decode()
    except UnicodeDecodeError:
        return
    assert json.loads(sent) == expected


SEVERAL = Candidate(1, "a", "openai-compatible", model_mappings={"opus": ("x", "y", "z"), "haiku": ()})


@pytest.mark.parametrize(
    ("model", "cooling", "names"),
    [
        ("claude-opus-4-8", {}, ("x", "y", "z")),
        ("claude-opus-4-8", {"x": 11, "z": 10}, ("y", "z")),
        ("claude-opus-4-8", {"x": 11, "y": 11, "z": 11}, ("x", "y", "z")),
        ("claude-sonnet-5", {"sonnet": 11}, ("claude-sonnet-5",)),
        ("claude-haiku-4-5", {}, ("claude-haiku-4-5",)),
        (None, {}, (None,)),
    ],
)
def test_targets_are_asked_for_in_order_less_those_that_cool_down(
    model: str | None, cooling: dict[str, int], names: tuple[str | None, ...]
) -> None:
    assert asked_models(model, replace(SEVERAL, model_cooldowns=cooling), 10) == names
