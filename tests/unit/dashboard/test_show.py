import pytest
from flask import Flask

from app.dashboard import show


@pytest.mark.parametrize(
    ("headers", "is_part", "is_dialog"),
    [
        ({}, False, False),
        ({"HX-Request": "true"}, True, False),
        ({"HX-Request": "true", "HX-Target": "dialog-body"}, False, True),
        ({"HX-Request": "true", "HX-History-Restore-Request": "true"}, False, False),
        ({"HX-Target": "dialog-body"}, False, False),
    ],
    ids=["browser", "part", "dialog", "history", "no htmx"],
)
def test_what_is_asked_for(app: Flask, headers: dict[str, str], is_part: bool, is_dialog: bool) -> None:
    with app.test_request_context(headers=headers):
        assert (show.is_part(), show.is_dialog()) == (is_part, is_dialog)


def test_change_sends_a_browser_on_and_tells_htmx_to_go(app: Flask) -> None:
    with app.test_request_context():
        answer = app.make_response(show.done("/dashboard/keys", "Done."))
        assert (answer.status_code, answer.location) == (303, "/dashboard/keys")
    with app.test_request_context(headers={"HX-Request": "true"}):
        answer = app.make_response(show.done("/dashboard/keys"))
        assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/dashboard/keys")
