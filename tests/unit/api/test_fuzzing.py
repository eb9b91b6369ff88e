"""Generated requests, right and wrong ones, against the document: no failure, no answer that it does not tell.

The application is the real one behind its guard; its database has a little of everything.
"""

from collections.abc import Iterator
from random import Random

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from app.access import keys
from app.api import api
from app.api.openapi import document
from app.clock import now_ms
from app.db import db, transaction
from app.factory import create_app
from app.runtime import runtime
from config import Settings
from tests.unit.usage.records import anything, put

EXAMPLES = 5
BOUNDED = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
ENDLESS = ("/api/requests/stream", "/api/logs/stream")
bare = Flask("bare")
bare.register_blueprint(api)
OPERATIONS = [
    (method.upper(), path)
    for path, methods in document(bare)["paths"].items()
    for method in methods
    if path not in ENDLESS
]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    ignored_auth,
    unsupported_method,
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    app = create_app(Settings.load({"CCFLARE_DATA_DIR": str(tmp_path_factory.mktemp("fuzzed"))}))
    with app.app_context():
        put(*(anything(Random(number), now_ms() - number * 60_000) for number in range(50)))
        yield app
        db.engine.dispose()


@pytest.fixture(scope="module")
def key(site: Flask) -> str:
    with transaction() as session:
        made = keys.make(session, runtime().pepper, "ci", "admin", "test").key
    runtime().keys.load()
    return made


@pytest.fixture(scope="module")
def schema(site: Flask, key: str) -> OpenApiSchema:
    return schemathesis.openapi.from_wsgi("/api/openapi.json", site, headers={"x-api-key": key})


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: str(mode.value))
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_generated_requests_are_answered_as_told(
    schema: OpenApiSchema, key: str, mode: GenerationMode, method: str, path: str
) -> None:
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    def run(case: schemathesis.Case) -> None:
        case.call_and_validate(headers={"x-api-key": key}, checks=CHECKS)

    run()
