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
        ("DELETE", "/health", 405, "DELETE is not possible at /health."),
    ],
)
def test_api_tells_errors_as_json(app: Flask, method: str, path: str, status: int, words: str) -> None:
    answer = stranger(app).open(path, method=method, headers={"x-api-key": key(app)})
    assert (answer.status_code, answer.json) == (status, {"error": words, "details": {}})
    if status == 405:
        assert "GET" in answer.headers["Allow"]


def test_body_that_is_too_large_is_told_the_limit(app: Flask) -> None:
    answer = stranger(app).post("/api/accounts", data=b" " * (1 << 20) + b"{}", headers={"x-api-key": key(app)})
    assert (answer.status_code, answer.json) == (
        413,
        {"error": "The body is larger than the 1048576 bytes that are taken here.", "details": {}},
    )


def test_person_gets_a_page(app: Flask) -> None:
    answer = browser(app).get("/dashboard/<script>")
    assert answer.status_code == 404
    assert "There is nothing at /dashboard/&lt;script&gt;." in answer.text


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_person_stays_in_the_frame_where_nothing_is(app: Flask, method: str) -> None:
    answer = browser(app).open("/dashboard/nothing" if method == "GET" else "/dashboard/accounts", method=method)
    assert answer.status_code == (404 if method == "GET" else 405)
    assert 'aria-label="Pages"' in answer.text
    assert 'aria-label="Pages"' not in stranger(app).get("/dashboard/nothing").text


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("/dashboard/accounts/4/rename", "/dashboard/accounts/4"),
        ("/dashboard/users/1/role", "/dashboard/users"),
        ("/dashboard/profile/password", "/dashboard/profile"),
        ("/dashboard/settings/prices/remove", "/dashboard/settings/prices"),
    ],
)
def test_address_of_a_form_leads_to_its_page(app: Flask, address: str, page: str) -> None:
    answer = browser(app).get(address)
    assert (answer.status_code, answer.location) == (302, page)
    assert browser(app).put(address).status_code == 405


def test_open_page_is_sent_to_the_door_with_the_way_back(app: Flask) -> None:
    asked = {"HX-Request": "true", "HX-Current-URL": "http://localhost/dashboard/requests?failed=1#x"}
    answer = stranger(app).get("/dashboard/overview/now", headers=asked)
    door = answer.headers["HX-Redirect"]
    assert (answer.status_code, door) == (401, "/login?next=/dashboard/requests?failed%3D1&ended=1")
    html = stranger(app).get(door).text
    assert 'name="next" value="/dashboard/requests?failed=1"' in html
    assert "Your session has ended." in html


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
