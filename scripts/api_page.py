"""The generated parts of the page about the HTTP API, from the OpenAPI document."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from flask import Flask

from app.api import api
from app.api.openapi import document
from app.api.operations import JSON

Json = dict[str, Any]


def calls() -> str:
    """Return a table of calls for each noun, with the parameters below."""
    told = _document()
    found = [(path, method, one) for path, methods in told["paths"].items() for method, one in methods.items()]
    by_tag = sorted(found, key=lambda each: str(each[2]["tags"][0]))
    parts = []
    for tag, group in groupby(by_tag, key=lambda each: str(each[2]["tags"][0])):
        operations = list(group)
        rows = "".join(_row(*each) for each in operations)
        parts.append(f"\n### /api/{tag}\n\n| call | what | body | answer |\n|---|---|---|---|\n{rows}")
        parts += [_parameters(path, one) for path, _, one in operations]
    return "".join(parts) + "\n"


def objects() -> str:
    """Return a table for each object that is sent or taken."""
    schemas = _document()["components"]["schemas"]
    return "".join(_object(name, schemas[name]) for name in sorted(schemas) if name != "Error") + "\n"


def _document() -> Json:
    app = Flask("page")
    app.register_blueprint(api)
    return document(app)


def _row(path: str, method: str, one: Json) -> str:
    role = " *(viewer)*" if one["x-role"] == "viewer" else ""
    body = _kind(one["requestBody"]["content"][JSON]["schema"]) if "requestBody" in one else ""
    return f"| `{method.upper()} {path}`{role} | {one['summary']} | {body} | {_answer(one)} |\n"


def _parameters(path: str, one: Json) -> str:
    rows = [_parameter(each) for each in one["parameters"] if each["in"] == "query"]
    return f"\nParameters of `{path}`:\n\n| name | takes |\n|---|---|\n{''.join(rows)}" if rows else ""


def _answer(one: Json) -> str:
    status, good = next((key, each) for key, each in one["responses"].items() if key.startswith("2"))
    told = [_kind(one["schema"]) if media == JSON else f"`{media}`" for media, one in good["content"].items()]
    kind = " or ".join(told)
    others = [key for key in one["responses"] if key in ("404", "409", "429", "502")]
    return f"{'' if status == '200' else f'{status} '}{kind}{f' ({chr(44).join(others)})' if others else ''}"


def _parameter(one: Json) -> str:
    schema = one["schema"]
    default = f", default {schema['default']}" if "default" in schema else ""
    return f"| `{one['name']}` | {_kind(schema)}{default}{', required' if one['required'] else ''} |\n"


def _object(name: str, schema: Json) -> str:
    rows = [
        f"| `{key}` | {_kind(each)}{'' if key in schema['required'] else ', optional'} |\n"
        for key, each in schema["properties"].items()
    ]
    return f"\n### {name}\n\n{schema['description']}\n\n| field | |\n|---|---|\n{''.join(rows)}"


def _kind(schema: Json) -> str:
    """Return a schema in a few words."""
    return " or ".join(dict.fromkeys(_kinds(schema)))


def _kinds(schema: Json) -> Iterator[str]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield f"[{name}](#{name.lower()})"
    elif "anyOf" in schema:
        for one in schema["anyOf"]:
            yield from _kinds(one)
    elif "enum" in schema:
        yield " ".join("null" if word is None else f"`{word}`" for word in schema["enum"])
    elif schema.get("type") == "array":
        yield f"list of {_kind(schema['items'])}"
    elif schema.get("format") == "date-time":
        yield "time"
    else:
        kinds = schema.get("type", "anything")
        yield from (_word(kind, schema) for kind in (kinds if isinstance(kinds, list) else [kinds]))


def _word(kind: str, schema: Json) -> str:
    match kind:
        case "object" if "additionalProperties" in schema:
            return f"object of {_kind(schema['additionalProperties'])}"
        case "string":
            return (
                f"text of {schema['minLength']}-{schema['maxLength']} characters" if "maxLength" in schema else "text"
            )
        case "integer" if "minimum" in schema:
            return f"{schema['minimum']} to {schema['maximum']}"
        case _:
            return kind
