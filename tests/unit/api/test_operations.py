"""What makes a function an operation."""

from dataclasses import dataclass

import pytest
from flask import Flask, Response

from app.api.operations import Operation, dumped, operation
from app.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Given:
    custom_endpoint: str


@dataclass(frozen=True, slots=True)
class Asked:
    limit: int = 3


@operation(status=201, errors=(409,))
def view(item_id: int, body: Given, query: Asked) -> dict[str, object]:
    """Make
    a thing."""
    if body.custom_endpoint == "bad":
        raise InvalidInput.field("endpoint", "is no URL")
    return {"id": item_id, "where": body.custom_endpoint, "limit": query.limit}


@operation()
def plain() -> Response:
    """Say it as it is."""
    return Response("as it is")


def called(address: str = "/", **body: str) -> Response:
    with Flask("test").test_request_context(address, method="POST", json=body):
        return view(item_id=7)


def test_view_gets_what_came_along_and_answers_in_json() -> None:
    answer = called("/?limit=5", customEndpoint="here")
    assert (answer.status_code, answer.mimetype) == (201, "application/json")
    assert answer.get_json() == {"id": 7, "where": "here", "limit": 5}


def test_field_of_a_room_is_named_as_the_caller_wrote_it() -> None:
    with pytest.raises(InvalidInput) as refused:
        called(customEndpoint="bad")
    assert refused.value.details == {"customEndpoint": "is no URL"}
    assert refused.value.message == "customEndpoint: is no URL"


def test_view_without_parameters_refuses_them() -> None:
    with Flask("test").test_request_context("/?limit=1"), pytest.raises(InvalidInput, match="limit: is unknown"):
        plain()


def test_response_passes_as_it_is() -> None:
    with Flask("test").test_request_context("/"):
        assert plain().get_data() == b"as it is"


def test_operation_is_told_by_its_types_and_words() -> None:
    told: Operation = view.operation  # type: ignore[attr-defined]
    assert (told.summary, told.body, told.query, told.status) == ("Make a thing.", Given, Asked, 201)


def test_what_is_no_number_is_not_sent() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dumped({"value": float("nan")})
