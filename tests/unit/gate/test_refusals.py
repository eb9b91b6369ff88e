import pytest
from flask import Flask

from app.errors import TooMany
from tests.unit.browsers import browser, key, stranger


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/api/nothing", 404, "There is nothing at /api/nothing."),
        ("DELETE", "/api/jobs", 405, "DELETE is not possible at /api/jobs."),
        ("GET", "/api", 404, "There is nothing at /api."),
    ],
)
def test_api_tells_errors_as_json(app: Flask, method: str, path: str, status: int, words: str) -> None:
    answer = stranger(app).open(path, method=method, headers={"x-api-key": key(app)})
    assert (answer.status_code, answer.json) == (status, {"error": words, "details": {}})
    if status == 405:
        assert "GET" in answer.headers["Allow"]


def test_person_gets_a_page(app: Flask) -> None:
    answer = browser(app).get("/dashboard/<script>")
    assert answer.status_code == 404
    assert "There is nothing at /dashboard/&lt;script&gt;." in answer.text


def test_open_page_gets_a_notice(app: Flask) -> None:
    answer = browser(app).get("/dashboard/accounts/77/row", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (404, "#notices")
    assert "<html" not in answer.text


def test_failure_of_ours_tells_no_details(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_vault: object) -> None:
        raise RuntimeError("sk-ant-api03-secret of the inside")

    client = browser(app)
    monkeypatch.setattr("app.accounts.service.views", fail)
    app.testing = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = client.get("/dashboard/accounts")
    assert answer.status_code == 500
    assert "inside" not in answer.text


def test_wait_is_told_to_programs(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_many(*_arguments: object) -> None:
        raise TooMany("Wait.", retry_after_s=7)

    monkeypatch.setattr("app.dashboard.entry.checked_log_in", too_many)
    app.config["WTF_CSRF_ENABLED"] = False
    answer = stranger(app).post("/login", data={"name": "x", "password": "y"})
    assert answer.status_code == 429
    assert "Wait 7 s" in answer.text
