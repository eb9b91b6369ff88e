import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.access import sessions, users
from app.audit import SYSTEM
from app.runtime import runtime
from config import Settings
from tests.unit.browsers import browser, key, stranger, token_of


@pytest.fixture
def program(app: Flask) -> FlaskClient:
    return stranger(app)


def test_stranger_is_led_to_the_log_in_and_back(program: FlaskClient) -> None:
    answer = program.get("/dashboard/keys?page=2")
    assert (answer.status_code, answer.location) == (302, "/login?next=/dashboard/keys?page%3D2")


def test_change_of_a_stranger_leads_to_the_log_in_without_a_way_back(program: FlaskClient) -> None:
    assert program.post("/dashboard/keys/create").location == "/login"


def test_part_of_a_page_sends_a_stranger_to_the_log_in_as_a_whole(program: FlaskClient) -> None:
    answer = program.get("/dashboard/accounts", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login?ended=1")


@pytest.mark.parametrize("header", ["x-api-key", "Authorization"])
def test_program_comes_in_by_an_admin_key(app: Flask, program: FlaskClient, header: str) -> None:
    value = key(app)
    answer = program.get("/api/accounts", headers={header: f"Bearer {value}" if header == "Authorization" else value})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"x-api-key": "ccf_00000000_made-up"}, 401), ({"Authorization": "Bearer sk-ant-api03-other"}, 401)],
    ids=["nothing", "made-up", "somebody-else's"],
)
def test_program_without_a_key_of_ours_gets_json(program: FlaskClient, headers: dict[str, str], status: int) -> None:
    answer = program.get("/api/accounts", headers=headers)
    assert answer.status_code == status
    assert set(answer.json or {}) == {"error", "details"}


def test_client_key_opens_the_proxy_alone(app: Flask, program: FlaskClient) -> None:
    assert program.get("/api/accounts", headers={"x-api-key": key(app, "client")}).status_code == 403


def test_key_opens_no_page(app: Flask, program: FlaskClient) -> None:
    assert program.get("/dashboard/accounts", headers={"x-api-key": key(app)}).status_code == 302


def test_doubled_credential_is_refused(app: Flask, program: FlaskClient) -> None:
    value = key(app)
    assert program.get("/api/accounts", headers={"x-api-key": f"{value},{value}"}).status_code == 400


def test_wrong_key_is_not_saved_by_a_cookie(app: Flask) -> None:
    client = browser(app)
    assert client.get("/api/accounts").status_code == 200
    assert client.get("/api/accounts", headers={"x-api-key": "ccf_00000000_made-up"}).status_code == 401
    assert client.get("/api/accounts", headers={"Authorization": "Basic YTpi"}).status_code == 401


def test_change_by_cookie_needs_the_token_on_the_api_too(app: Flask) -> None:
    client = browser(app)
    token = token_of(client, "/dashboard/profile")
    assert client.post("/api/accounts/1/pause").status_code == 400
    assert client.post("/api/accounts/1/pause", headers={"X-CSRFToken": token}).status_code == 404


def test_change_by_key_needs_no_token(app: Flask, program: FlaskClient) -> None:
    assert program.post("/api/accounts/1/pause", headers={"x-api-key": key(app)}).status_code == 404


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/dashboard/accounts", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ("/dashboard/accounts", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ("/dashboard/accounts", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
        ("/dashboard/accounts", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
        ("/api/accounts", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
        ("/api/accounts", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
        ("/api/accounts", {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, 200),
    ],
)
def test_what_another_site_has_a_browser_ask(app: Flask, path: str, headers: dict[str, str], status: int) -> None:
    assert browser(app).get(path, headers=headers).status_code == status


@pytest.mark.parametrize("end", ["log-out", "password", "disabled", "revoked"])
def test_session_that_has_ended_opens_nothing(app: Flask, end: str) -> None:
    client = browser(app)
    user = next(user for user in users.all_users() if user.name == "admin")
    match end:
        case "log-out":
            client.post("/logout", data={"csrf_token": token_of(client, "/dashboard/profile")})
        case "password":
            users.set_password("admin", "another long password", SYSTEM)
        case "disabled":
            users.create_user(users.NewUser("other", "another long password", "admin"), SYSTEM)
            users.disable("admin", SYSTEM)
        case "revoked":
            sessions.revoke_all(user.id, SYSTEM)
    assert client.get("/dashboard/accounts").status_code == 302


def test_role_is_looked_up_each_time(app: Flask) -> None:
    client = browser(app)
    users.create_user(users.NewUser("other", "another long password", "admin"), SYSTEM)
    users.set_role("admin", "viewer", SYSTEM)
    assert client.get("/dashboard/keys").status_code == 403
    assert client.get("/dashboard/accounts").status_code == 200


@pytest.mark.parametrize(
    ("given", "host", "status"),
    [
        ({}, "localhost:8080", 200),
        ({}, "127.0.0.1", 200),
        ({}, "[::1]:8080", 200),
        ({}, "evil.example", 403),
        ({}, "localhost.evil.example", 403),
        ({"TRUSTED_HOSTS": "cc.example,.lan.example"}, "cc.example", 200),
        ({"TRUSTED_HOSTS": "cc.example,.lan.example"}, "cc.example:8443", 200),
        ({"TRUSTED_HOSTS": "cc.example,.lan.example"}, "box.lan.example", 200),
        ({"TRUSTED_HOSTS": "cc.example,.lan.example"}, "evil-cc.example", 403),
        ({"TRUSTED_HOSTS": "cc.example"}, "localhost:8080", 200),
        ({"HOST": "192.0.2.1"}, "any.example", 200),
        ({"HOST": "192.0.2.1", "TRUSTED_HOSTS": "cc.example"}, "any.example", 403),
    ],
)
def test_names_that_the_server_answers_to(app: Flask, given: dict[str, str], host: str, status: int) -> None:
    run = runtime()
    run.settings = Settings.load({"CCFLARE_DATA_DIR": str(run.settings.data_dir), **given})
    client = stranger(app)
    assert client.get("/login", headers={"Host": host}).status_code == status
    assert client.get("/health", headers={"Host": host}).status_code == 200
