"""What makes a function an operation of the API: its parameters are read for it, its answer becomes JSON.

A view takes the path's variables, `body` and `query` (dataclasses, read strictly) and returns a value or a Response.
Its docstring and its types are what the OpenAPI document tells.
"""

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response

from app.api import inputs
from app.api.shapes import camel, shown
from app.errors import InvalidInput

View = Callable[..., Response]
JSON = "application/json"

_OTHER_NAMES = {"endpoint": "customEndpoint", "budget": "budgetMicroUsd"}
"""Fields that the rooms and the API name differently."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What is known of one operation. `answer`: the type of what it returns; `media`: what its body may be.

    `errors`: statuses beside those that every operation of its kind may have.
    """

    summary: str
    body: type | None
    query: type | None
    answer: Any
    status: int
    media: tuple[str, ...]
    errors: tuple[int, ...]


def operation(
    *, status: int = 200, media: tuple[str, ...] = (JSON,), errors: tuple[int, ...] = ()
) -> Callable[[Callable[..., Any]], View]:
    """Turn a function into a view."""

    def made(view: Callable[..., Any]) -> View:
        signature = inspect.signature(view)
        kinds = {name: one.annotation for name, one in signature.parameters.items() if name in ("body", "query")}
        summary = " ".join((view.__doc__ or "").split())
        told = Operation(
            summary, kinds.get("body"), kinds.get("query"), signature.return_annotation, status, media, errors
        )

        @functools.wraps(view)
        def answered(**variables: Any) -> Response:
            if told.body is not None:
                variables["body"] = inputs.body(told.body)
            query: object = inputs.query(told.query or _NoQuery)
            if told.query is not None:
                variables["query"] = query
            try:
                value = view(**variables)
            except InvalidInput as exc:
                raise _renamed(exc, told) from exc
            return value if isinstance(value, Response) else answer(value, status)

        answered.operation = told  # type: ignore[attr-defined]
        return answered

    return made


def answer(value: object, status: int = 200) -> Response:
    """Return a value as a JSON answer."""
    return Response(dumped(value), status, mimetype=JSON)


def dumped(value: object) -> str:
    """Return a value as JSON text."""
    return json.dumps(shown(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class _NoQuery:
    """Nothing behind the `?`."""


def _renamed(error: InvalidInput, told: Operation) -> InvalidInput:
    """Return an error of a room with the field's name as the caller knows it; where there is one field, it is meant."""
    known = [name for kind in (told.body, told.query) if kind is not None for name in inputs.fields_of(kind)]
    names = {name: _OTHER_NAMES.get(name, camel(name)) for name in error.details}
    if len(known) == len(names) == 1:
        names = dict.fromkeys(names, known[0])
    message = error.message
    for old, new in names.items():
        if message.startswith(f"{old}: "):
            message = f"{new}: {message.removeprefix(f'{old}: ')}"
    details: Mapping[str, object] = {names[name]: value for name, value in error.details.items()}
    return InvalidInput(message, details=details, retry_after_s=error.retry_after_s)
