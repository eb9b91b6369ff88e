"""The OpenAPI 3.1 document: made of the operations' own types and docstrings, so that it cannot say anything else."""

import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, get_type_hints

from flask import Blueprint, Flask, Response, current_app
from werkzeug.routing import Rule

from app.api.operations import JSON, Operation, answer, operation
from app.api.shapes import Json, Schemas, camel
from app.gate.rules import least
from app.version import VERSION

openapi = Blueprint("openapi", __name__)

_NAME = "ccflare_openapi"
_REFERENCE = "#/components/schemas/Error"
_REASONS = {
    400: "Bad input; `details` names the field",
    401: "No valid credential",
    403: "Known, and not allowed to do this",
    404: "There is no such thing",
    409: "It collides with what is there",
    413: "The body is too large",
    415: "The body is no JSON",
    429: "Too early; `Retry-After` says when",
    502: "The upstream failed",
}
_ABOUT = """\
Every call needs an admin key (`x-api-key`, or `Authorization: Bearer`), or the session of someone who logged in to the
dashboard; changes made with a session carry the form token in `X-CSRFToken`. Times are epoch milliseconds, money is
micro-USD (`*MicroUsd`) and the same as decimal text (`*Usd`), shares are fractions. What is not known is null.
Errors are `{"error", "details"}`. Unknown fields and parameters are refused."""
_VARIABLES: dict[str, Json] = {
    "row_id": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    "request_id": {"type": "string", "pattern": "^req_[0-7][0-9a-hjkmnp-tv-z]{12}$"},
}


@dataclass(frozen=True, slots=True)
class Described:
    """One operation with its address. `rule`: as the router has it; `least`: the role that it needs."""

    rule: str
    path: str
    method: str
    told: Operation
    least: str
    variables: tuple[tuple[str, Json], ...]
    tag: str


@openapi.get("/openapi.json")
@operation()
def document_itself() -> Response:
    """Show this document."""
    return answer(document(current_app._get_current_object()))  # type: ignore[attr-defined]  # noqa: SLF001


def document(app: Flask) -> Json:
    """Return the document of the API as an application has it; it is made once."""
    known: Json | None = app.extensions.get(_NAME)
    if known is None:
        known = app.extensions[_NAME] = _made(app)
    return known


def _made(app: Flask) -> Json:
    schemas = Schemas()
    paths: dict[str, Json] = {}
    for one in described(app):
        paths.setdefault(one.path, {})[one.method] = _operation(one, schemas)
    schemas.named["Error"] = {
        "type": "object",
        "properties": {"error": {"type": "string"}, "details": {"type": "object"}},
        "required": ["error", "details"],
        "additionalProperties": False,
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "ccflare", "version": VERSION, "description": _ABOUT},
        "security": [{"key": []}, {"bearer": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.named.items())),
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "ccflare"},
            },
        },
    }


def described(app: Flask) -> Iterator[Described]:
    """Yield every operation below /api, in the order in which they were registered."""
    for rule in app.url_map.iter_rules():
        told: Operation | None = getattr(app.view_functions[rule.endpoint], "operation", None)
        if told is None:
            continue
        path = re.sub(r"<(?:[^:<>]+:)?(\w+)>", r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            tag = path.split("/")[2].partition(".")[0]
            yield Described(rule.rule, path, method.lower(), told, least(rule.endpoint), tuple(_variables(rule)), tag)


def _variables(rule: Rule) -> Iterator[tuple[str, Json]]:
    for converter, bounds, name in re.findall(r"<(?:(\w+)(\([^)]*\))?:)?(\w+)>", rule.rule):
        if converter == "any":
            yield name, {"enum": re.findall(r'"([^"]+)"', bounds)}
        else:
            yield name, _VARIABLES.get(converter, {"type": "string", "minLength": 1})


def _operation(one: Described, schemas: Schemas) -> Json:
    told = one.told
    found: Json = {
        "operationId": _id(one),
        "summary": told.summary,
        "tags": [one.tag],
        "x-role": one.least,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": schema} for name, schema in one.variables
        ],
        "responses": _responses(one, schemas),
    }
    if told.query is not None:
        found["parameters"] += _parameters(told.query, schemas)
    if told.body is not None:
        schema = schemas.inputs().of(told.body)
        is_required = bool(schemas.named[schema["$ref"].rpartition("/")[2]]["required"])
        found["requestBody"] = {"required": is_required, "content": {JSON: {"schema": schema}}}
    return found


def _responses(one: Described, schemas: Schemas) -> Json:
    told = one.told
    good: Json = {"description": "Done" if told.status == 200 else {201: "Created", 202: "Accepted"}[told.status]}
    if told.answer is Response:
        good["content"] = {media: {"schema": {"type": "object" if media == JSON else "string"}} for media in told.media}
    else:
        good["content"] = {JSON: {"schema": schemas.of(told.answer)}}
    return {str(told.status): good} | {
        str(status): {
            "description": _REASONS[status],
            "content": {JSON: {"schema": {"$ref": _REFERENCE}}},
        }
        for status in errors_of(one)
    }


def errors_of(one: Described) -> tuple[int, ...]:
    """Return the statuses that an operation may refuse with. Unknown parameters are a 400 everywhere."""
    told = one.told
    found = {400, 401, 403, *told.errors}
    if one.variables:
        found.add(404)
    if told.body is not None:
        found |= {413, 415}
    return tuple(sorted(found))


def _parameters(kind: type, schemas: Schemas) -> list[Json]:
    hints = get_type_hints(kind, include_extras=True)
    found = []
    for one in _fields(kind):
        schema = _without_null(schemas.of(hints[one.name]))
        is_list = schema.get("type") == "array"
        if one.default is not MISSING and one.default not in (None, ()):
            schema["default"] = one.default
        form: Json = {"style": "form", "explode": False} if is_list else {}
        found.append(
            {"name": camel(one.name), "in": "query", "required": one.default is MISSING, "schema": schema} | form
        )
    return found


def _without_null(schema: Json) -> Json:
    """Return a schema without null, which a query cannot say."""
    found = dict(schema)
    if isinstance(found.get("type"), list) and "null" in found["type"]:
        kinds = [kind for kind in found["type"] if kind != "null"]
        found["type"] = kinds[0] if len(kinds) == 1 else kinds
    if "enum" in found:
        found["enum"] = [word for word in found["enum"] if word is not None]
    return found


def _fields(kind: type) -> tuple[Field[Any], ...]:
    return fields(kind)


def _id(one: Described) -> str:
    parts = [part for part in re.split(r"[/{}._-]+", one.path) if part and part != "api"]
    return camel("_".join([one.method, *parts]))
