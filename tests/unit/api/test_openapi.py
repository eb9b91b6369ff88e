"""The document tells every operation, and only what is there."""

import re
from collections import Counter
from typing import Any

import jsonschema_rs
from flask import Flask

from app.api.openapi import described, document
from app.gate.rules import FOR_VIEWERS, OPEN, least
from tests.unit.api.conftest import Call


def operations(app: Flask) -> list[dict[str, Any]]:
    return [one for path in document(app)["paths"].values() for one in path.values()]


def test_every_route_and_method_is_in_the_document_and_no_other(app: Flask) -> None:
    routes = {
        (re.sub(r"<(?:[^:<>]+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/") and not rule.rule.startswith(("/api/hello", "/api/event_logging"))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    told = {(path, method) for path, operations in document(app)["paths"].items() for method in operations}
    assert routes == told


def test_every_operation_has_a_role_and_writes_need_an_admin(app: Flask) -> None:
    assert {one["x-role"] for one in operations(app)} == {"admin", "viewer"}
    writes = [one for one in described(app) if one.method != "get"]
    assert {one.least for one in writes} == {"admin"}


def test_tables_of_roles_name_endpoints_that_exist(app: Flask) -> None:
    named = [name for name in FOR_VIEWERS | OPEN if name.startswith(("api.", "metrics."))]
    assert [name for name in named if name not in app.view_functions] == []
    assert least("api.payloads.one_payload") == least("api.audit.all_entries") == "admin"


def test_operations_have_names_of_their_own_and_words(app: Flask) -> None:
    found = operations(app)
    assert [name for name, count in Counter(one["operationId"] for one in found).items() if count > 1] == []
    assert [one["operationId"] for one in found if not one["summary"].endswith(".")] == []


def test_every_reference_leads_somewhere(app: Flask) -> None:
    told = document(app)
    names = set(re.findall(r"#/components/schemas/(\w+)", str(told)))
    assert names == set(told["components"]["schemas"])
    for schema in told["components"]["schemas"].values():
        jsonschema_rs.validator_for(schema | {"components": told["components"]})


def test_paths_tell_their_variables(app: Flask) -> None:
    for path, methods in document(app)["paths"].items():
        for one in methods.values():
            named = [each["name"] for each in one["parameters"] if each["in"] == "path"]
            assert sorted(named) == sorted(re.findall(r"{(\w+)}", path))


def test_document_is_served(app: Flask, call: Call) -> None:
    assert call("GET", "/api/openapi.json").get_json()["openapi"] == "3.1.0"
