from io import BytesIO

import pytest
from flask import Flask
from werkzeug.routing import BuildError, Map, Rule

from app.errors import TooSlow
from app.runtime import runtime
from app.server import LateRule
from tests.unit.browsers import stranger, token_of


@pytest.mark.parametrize(("size", "status"), [((1 << 20) - 400, 401), ((1 << 20) + 1, 413)])
def test_body_of_a_page_is_bounded(app: Flask, size: int, status: int) -> None:
    client = stranger(app)
    form = f"csrf_token={token_of(client)}&name=x&password=".encode().ljust(size, b"y")
    answer = client.post("/login", data=form, content_type="application/x-www-form-urlencoded")
    assert answer.status_code in ((status,) if status == 413 else (400, 401, 413))


@pytest.mark.parametrize(("more", "is_read"), [(0, True), (1, False)])
def test_declared_body_of_just_the_bound_is_read(app: Flask, more: int, is_read: bool) -> None:
    answer = stranger(app).post("/api/keys", data=b"x" * ((1 << 20) + more))
    assert (answer.status_code != 413) == is_read


def test_body_without_a_length_is_refused_above_the_bound_and_not_cut(app: Flask) -> None:
    environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    body = BytesIO(b"x" * (1 << 21))
    answer = stranger(app).post("/api/keys", input_stream=body, environ_overrides=environ)
    assert answer.status_code == 413
    assert set(answer.json or {}) == {"error", "details"}


def test_body_that_comes_too_slowly_is_refused(app: Flask) -> None:
    class Slow(BytesIO):
        def readinto(self, *_: object) -> int:
            raise TooSlow("late")

    environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = stranger(app).post("/api/keys", input_stream=Slow(), environ_overrides=environ)
    assert (answer.status_code, answer.json) == (408, {"error": "late", "details": {}})
    assert len(runtime().flights) == 0


@pytest.mark.parametrize("values", [{"rule": "a b", "self": 7}, {"rule": "ä", "self": 0, "page": 2}, {"rule": "x"}])
def test_late_route_builds_what_an_early_one_does(values: dict[str, object]) -> None:
    def built(kind: type[Rule]) -> list[str | None]:
        routes = Map([kind("/<rule>/<int:self>/end", endpoint="two"), kind("/<rule>", endpoint="one")])
        place = routes.bind("localhost")
        found: list[str | None] = []
        for endpoint in ("one", "two", "two"):
            try:
                found.append(place.build(endpoint, values))
            except BuildError:
                found.append(None)
        return found

    assert built(LateRule) == built(Rule)
    assert any(built(LateRule))
