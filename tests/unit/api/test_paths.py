"""Variables in paths."""

import pytest
from flask import Flask

from app.values import id_text, new_request_id


@pytest.mark.parametrize("name", ["req_x", "7", "REQ_0000000000000", "req_zzzzzzzzzzzzz", "0000000000000"])
def test_what_is_no_id_is_no_path(app: Flask, admin_key: str, name: str) -> None:
    answer = app.test_client().get(f"/api/requests/{name}", headers={"x-api-key": admin_key})
    assert answer.status_code == 404
    assert answer.get_json()["error"].startswith("There is nothing at")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("number", ["9" * 19, "-1", "1.0", "x"])
def test_number_that_no_row_has_is_no_path(app: Flask, admin_key: str, method: str, number: str) -> None:
    answer = app.test_client().open(f"/api/accounts/{number}", method=method, headers={"x-api-key": admin_key})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "sessions/a%00/b"), ("DELETE", "keys/%00"), ("DELETE", "prices/a/%00")]
)
def test_text_that_no_database_holds_is_no_path(app: Flask, admin_key: str, method: str, path: str) -> None:
    answer = app.test_client().open(f"/api/{path}", method=method, headers={"x-api-key": admin_key})
    assert answer.status_code == 404


def test_id_is_written_as_it_is_read(app: Flask) -> None:
    number = new_request_id()
    with app.test_request_context():
        address = app.url_map.bind("").build("api.history.one_request", {"request_id": number})
    assert address == f"/api/requests/{id_text(number)}"
