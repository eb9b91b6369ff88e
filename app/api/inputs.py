"""What came along with a request, read strictly into dataclasses: an unknown or wrong field is refused by its name."""

import json
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Annotated, Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from flask import request
from werkzeug.exceptions import UnsupportedMediaType

from app.api.rules import MAX_NUMBER, Moment
from app.api.shapes import camel
from app.errors import InvalidInput

T = TypeVar("T")

_NONE = type(None)
_WHOLE = re.compile(r"-?\d{1,16}", re.ASCII)


def body(kind: type[T]) -> T:
    """Return the JSON object of the request as a value. Raises InvalidInput, or 413 and 415 as werkzeug does."""
    raw = request.get_data(cache=False)
    if not raw.strip():
        return _object(kind, {}, "")
    if not request.is_json:
        raise UnsupportedMediaType("Send the body as JSON, with content-type: application/json.")
    try:
        given = json.loads(raw.decode("utf-8"), parse_constant=_refused_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise InvalidInput.field("body", "is no valid JSON") from None
    if not isinstance(given, dict):
        raise InvalidInput.field("body", "give a JSON object")
    return _object(kind, given, "")


def query(kind: type[T]) -> T:
    """Return the parameters behind the `?` as a value. Raises InvalidInput."""
    hints = get_type_hints(kind, include_extras=True)
    known = {camel(one.name): one for one in _fields(kind)}
    found: dict[str, Any] = {}
    for key in request.args:
        if key not in known:
            _refuse(key, f"is unknown; there are {', '.join(known)}" if known else "is unknown; there are none")
        one = known[key]
        found[one.name] = _parameter(hints[one.name], request.args.getlist(key), key)
    _require(known, found, "")
    return kind(**found)


def fields_of(kind: type) -> tuple[str, ...]:
    """Return the names of the fields as they come in."""
    return tuple(camel(one.name) for one in _fields(kind))


def _fields(kind: type) -> tuple[Field[Any], ...]:
    return fields(kind)


def _object(kind: type[T], given: Mapping[str, Any], place: str) -> T:
    hints = get_type_hints(kind, include_extras=True)
    known = {camel(one.name): one for one in _fields(kind)}
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key not in known:
            _refuse(f"{place}{key}"[:200], f"is unknown; there are {', '.join(known)}")
        one = known[key]
        found[one.name] = _value(hints[one.name], value, f"{place}{key}")
    _require(known, found, place)
    return kind(**found)


def _require(known: Mapping[str, Field[Any]], found: Mapping[str, Any], place: str) -> None:
    for key, one in known.items():
        if one.name not in found and one.default is MISSING and one.default_factory is MISSING:
            _refuse(f"{place}{key}", "is missing")


def _value(kind: Any, value: Any, place: str) -> Any:
    """Return one part of a JSON body as the type wants it."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        is_told = isinstance(arguments[1], Moment) and isinstance(value, str)
        return _ruled(_moment(value) if is_told else _value(arguments[0], value, place), arguments[1], place)
    if origin in (Union, types.UnionType):
        return _one_of(arguments, value, place)
    if origin is Literal:
        return _choice(arguments, value, place)
    if origin is tuple:
        if not isinstance(value, list):
            _refuse(place, "give a list")
        return tuple(_value(arguments[0], part, f"{place}[{at}]") for at, part in enumerate(value))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            _refuse(place, "give an object")
        return {key: _value(arguments[1], part, f"{place}.{key}"[:200]) for key, part in value.items()}
    if is_dataclass(kind):
        if not isinstance(value, dict):
            _refuse(place, "give an object")
        return _object(kind, value, f"{place}.")  # type: ignore[arg-type]
    return _plain(kind, value, place)


def _plain(kind: Any, value: Any, place: str) -> Any:
    if kind is bool:
        return value if isinstance(value, bool) else _refuse(place, "give true or false")
    if kind is int:
        is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not is_whole or abs(value) > MAX_NUMBER:
            _refuse(place, "give a whole number")
        return int(value)
    return value if isinstance(value, str) else _refuse(place, "give text")


def _one_of(kinds: tuple[Any, ...], value: Any, place: str) -> Any:
    if value is None:
        return None if _NONE in kinds else _refuse(place, "is null")
    wanted = [kind for kind in kinds if kind is not _NONE]
    for kind in wanted[:-1]:
        try:
            return _value(kind, value, place)
        except InvalidInput:
            continue
    return _value(wanted[-1], value, place)


def _parameter(kind: Any, texts: list[str], place: str) -> Any:
    """Return one parameter of a query as the type wants it; lists are joined by commas, or repeated."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        (wanted,) = [one for one in arguments if one is not _NONE]
        return _parameter(wanted, texts, place)
    if origin is Annotated and get_origin(arguments[0]) is tuple:
        parts = [part for text in texts for part in text.split(",")]
        values = tuple(_parameter(get_args(arguments[0])[0], [part], place) for part in parts)
        return _ruled(values, arguments[1], place)
    if len(texts) > 1:
        _refuse(place, "came more than once")
    (text,) = texts
    if origin is Annotated:
        return _ruled(
            _moment(text) if isinstance(arguments[1], Moment) else _parsed(arguments[0], text, place),
            arguments[1],
            place,
        )
    return _parsed(kind, text, place)


def _moment(text: str) -> int:
    at = Moment.parse(text)
    return -1 if at is None else at


def _parsed(kind: Any, text: str, place: str) -> Any:
    if get_origin(kind) is Literal:
        return _choice(get_args(kind), text, place)
    if kind is bool:
        return text == "true" if text in ("true", "false") else _refuse(place, "give true or false")
    if kind is int:
        return int(text) if _WHOLE.fullmatch(text) else _refuse(place, "give a whole number")
    return text


def _choice(options: tuple[Any, ...], value: Any, place: str) -> Any:
    if not isinstance(value, str) or value not in options:
        _refuse(place, f"give one of {', '.join(options)}")
    return value


def _ruled(value: Any, rule: Any, place: str) -> Any:
    wanted = rule.check(value)
    if wanted is not None:
        _refuse(place, wanted)
    return value


def _refuse(place: str, message: str) -> NoReturn:
    raise InvalidInput.field(place, message)


def _refused_constant(_name: str) -> NoReturn:
    raise ValueError


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found
