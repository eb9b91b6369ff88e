"""What is read of a request, and how a wrong part of it is named."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from flask import Flask
from werkzeug.exceptions import UnsupportedMediaType

from app.api import inputs
from app.api.rules import Between, Chars, Items, Time, Values
from app.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Inner:
    deep_value: Annotated[int, Between(0, 9)]


@dataclass(frozen=True, slots=True)
class Body:
    name: Annotated[str, Chars(1, 5)]
    count: int | None = None
    is_on: bool = False
    kind: Literal["a", "b"] = "a"
    inner: Inner | None = None
    names: Annotated[tuple[str, ...], Items(2)] = ()
    either: Annotated[Mapping[str, str | tuple[str, ...]], Items(2, is_object=True)] | None = None


@dataclass(frozen=True, slots=True)
class Query:
    from_: Time | None = None
    limit: Annotated[int, Between(1, 10)] = 5
    is_on: bool | None = None
    kind: Literal["a", "b"] | None = None
    names: Values = ()
    q: str | None = None


@dataclass(frozen=True, slots=True)
class Optional:
    name: str | None = None


def body(content: str | bytes, kind: type[Any] = Body, content_type: str = "application/json") -> Any:
    with Flask("test").test_request_context("/", method="POST", data=content, content_type=content_type):
        return inputs.body(kind)


def query(text: str) -> Any:
    with Flask("test").test_request_context(f"/?{text}"):
        return inputs.query(Query)


def test_body_becomes_a_value() -> None:
    parts = '"inner":{"deepValue":4},"names":["p"],"either":{"m":"n","o":[]}'
    text = f'{{"name":"x","count":3.0,"isOn":true,"kind":"b",{parts}}}'
    assert body(text) == Body("x", 3, True, "b", Inner(4), ("p",), {"m": "n", "o": ()})


def test_body_may_be_missing_where_nothing_of_it_is_needed() -> None:
    assert body("", Optional) == body("{}", Optional) == Optional()
    with pytest.raises(InvalidInput, match="name: is missing"):
        body("")


@pytest.mark.parametrize(
    ("content", "field"),
    [
        pytest.param("{", "body", id="cut JSON"),
        pytest.param("[]", "body", id="list"),
        pytest.param("7", "body", id="number"),
        pytest.param(b"\xff{}", "body", id="no UTF-8"),
        pytest.param('{"name":NaN}', "body", id="NaN"),
        pytest.param('{"name":"a","name":"b"}', "body", id="field twice"),
        pytest.param("[" * 100_000, "body", id="too deep"),
        pytest.param('{"name":1}', "name", id="number for text"),
        pytest.param('{"name":null}', "name", id="null"),
        pytest.param('{"name":"123456"}', "name", id="too long"),
        pytest.param('{"name":"a\\u0000"}', "name", id="control character"),
        pytest.param('{"name":"\\ud800"}', "name", id="half a character"),
        pytest.param('{"name":"a","count":"1"}', "count", id="text for a number"),
        pytest.param('{"name":"a","count":true}', "count", id="switch for a number"),
        pytest.param('{"name":"a","count":1.5}', "count", id="fraction"),
        pytest.param('{"name":"a","count":9007199254740993}', "count", id="too large"),
        pytest.param('{"name":"a","isOn":"true"}', "isOn", id="text for a switch"),
        pytest.param('{"name":"a","kind":"c"}', "kind", id="no choice"),
        pytest.param('{"name":"a","kind":[]}', "kind", id="list for a choice"),
        pytest.param('{"name":"a","inner":{"deepValue":10}}', "inner.deepValue", id="bound of a part"),
        pytest.param('{"name":"a","inner":[]}', "inner", id="list for a part"),
        pytest.param('{"name":"a","inner":{}}', "inner.deepValue", id="missing in a part"),
        pytest.param('{"name":"a","names":"p"}', "names", id="text for a list"),
        pytest.param('{"name":"a","names":[1]}', "names[0]", id="number in a list"),
        pytest.param('{"name":"a","names":["","",""]}', "names", id="too many"),
        pytest.param('{"name":"a","either":{"m":1}}', "either.m", id="neither"),
        pytest.param('{"name":"a","either":[]}', "either", id="list for an object"),
        pytest.param('{"name":"a","tier":1}', "tier", id="unknown"),
    ],
)
def test_wrong_part_of_a_body_is_named(content: str | bytes, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        body(content)
    assert list(refused.value.details) == [field]


@dataclass(frozen=True, slots=True)
class Moments:
    from_: Time | None = None


@pytest.mark.parametrize(
    ("content", "at"),
    [('{"from":5}', 5), ('{"from":"1970-01-01T00:00:01Z"}', 1000), ('{"from":null}', None), ("{}", None)],
    ids=["milliseconds", "text", "null", "missing"],
)
def test_time_in_a_body_is_milliseconds_or_text(content: str, at: int | None) -> None:
    assert body(content, Moments) == Moments(at)


@pytest.mark.parametrize("value", ['"yesterday"', '"1970-01-01"', "-1", "true", "1.5", "[]"])
def test_time_in_a_body_must_be_one(value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        body(f'{{"from":{value}}}', Moments)
    assert list(refused.value.details) == ["from"]


def test_body_must_be_json() -> None:
    with pytest.raises(UnsupportedMediaType):
        body("name=x", content_type="application/x-www-form-urlencoded")


def test_query_becomes_a_value() -> None:
    text = "from=1000&limit=7&isOn=false&kind=b&names=a,b&names=c&q=%C3%A4"
    assert query(text) == Query(1000, 7, False, "b", ("a", "b", "c"), "ä")
    assert query("from=1970-01-01T00:00:02%2B00:00").from_ == 2000
    assert query("") == Query()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("from=yesterday", "from"),
        ("from=2026-01-01T00:00:00", "from"),
        ("from=-1", "from"),
        ("limit=0", "limit"),
        ("limit=", "limit"),
        ("limit=%D9%A1", "limit"),
        ("limit=1&limit=2", "limit"),
        ("isOn=1", "isOn"),
        ("kind=c", "kind"),
        ("names=a,,b", "names"),
        ("nmaes=a", "nmaes"),
    ],
)
def test_wrong_parameter_is_named(text: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        query(text)
    assert list(refused.value.details) == [field]
